import { toBuffer } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';
import { SEED } from '../../../core/test/fixture/seed.ts';
import type { ResumeFrame } from '../../src/protocol/resume-frame.ts';
import { decodeResumeFrame, encodeResumeFrame } from '../../src/protocol/resume-frame.ts';
import {
  type MessageReceiver,
  type ResumeAction,
  ResumeMachine,
  systemRandom,
} from '../../src/protocol/resume-machine.ts';
import { runOverLossyLinks } from './lossy-links.ts';

const SEEDS = 200;

/** Counts a message as received when it arrives, not when the pipeline has taken it. */
class HastyMachine extends ResumeMachine {
  override received(frame: Buffer, receiver: MessageReceiver): ResumeAction | undefined {
    return super.received(frame, {
      arrived: (payload) => {
        this.incoming.take(payload.length);
        receiver.arrived(payload);
      },
    });
  }
  override taken(): void {}
}

/** Forgets the secret before as soon as it has made a new one. */
class ForgetfulMachine extends ResumeMachine {
  override resume(frame: Buffer, hello: { received: number; secret: string }): ResumeAction {
    const action = super.resume(frame, hello);
    this.confirm();
    return action;
  }
}

/** Sends again everything that is kept, whatever the other end has. */
class StubbornMachine extends ResumeMachine {
  override resume(frame: Buffer, hello: { received: number; secret: string }): ResumeAction {
    return super.resume(frame, { ...hello, received: this.outgoing.acknowledged });
  }
}

/** Goes on with new messages only. */
class CarelessMachine extends ResumeMachine {
  override loseLink(): void {
    this.outgoing.acknowledge(this.outgoing.highest);
    super.loseLink();
  }
}

function firstSeedThatFails(Machine: typeof ResumeMachine, base: number): number | undefined {
  for (let i = 0; i < SEEDS; i++) {
    if (runOverLossyLinks(base + i, 600, Machine).wrong !== undefined) return i;
  }
  return undefined;
}

describe('ResumeMachine over links that die at any byte', () => {
  it('brings each message exactly once and in order, both ways, over thousands of resumptions', () => {
    let resumptions = 0;
    for (let i = 0; i < SEEDS; i++) {
      const outcome = runOverLossyLinks(SEED + i, 1500);
      resumptions += outcome.resumptions;
      expect(outcome.wrong, `seed ${SEED + i}`).toBe(undefined);
    }
    expect(resumptions, `seeds from ${SEED}`).toBeGreaterThan(3000);
  });

  for (const Machine of [HastyMachine, ForgetfulMachine, StubbornMachine, CarelessMachine]) {
    it(`would find a ${Machine.name} within ${SEEDS} seeds`, () => {
      expect(firstSeedThatFails(Machine, 1)).toBeTypeOf('number');
    });
  }
});

let made = 0;
/** Takes the messages of a machine, and keeps them. */
class Inbox implements MessageReceiver {
  readonly texts: string[] = [];

  arrived(payload: Buffer): void {
    this.texts.push(String(payload));
  }
}

const random = (count: number) => {
  made += 1;
  return new Uint8Array(count).fill(made);
};

function pair(creditBytes = 4096): { client: ResumeMachine; server: ResumeMachine } {
  const options = { windowMs: 60_000, creditBytes, random };
  return { client: new ResumeMachine(options), server: new ResumeMachine(options) };
}

function frameOf(machine: ResumeMachine): Buffer {
  return Buffer.from(toBuffer(machine.nextFrame()!));
}

function give(machine: ResumeMachine, frame: Buffer): ResumeAction | undefined {
  return machine.received(frame, new Inbox());
}

function next(machine: ResumeMachine): ResumeFrame {
  return decodeResumeFrame(frameOf(machine)) as ResumeFrame;
}

function linked(creditBytes?: number): { client: ResumeMachine; server: ResumeMachine } {
  const { client, server } = pair(creditBytes);
  client.beginLink();
  server.open(next(client) as ResumeFrame & { kind: 'open' });
  give(client, frameOf(server));
  return { client, server };
}

/** Sends payloads as the credit allows, and gives the peer what it acknowledges at once. Returns the number of messages that wait. */
function sendAll(from: ResumeMachine, to: ResumeMachine, sizes: readonly number[]): number {
  const waiting = sizes.map((size) => Buffer.alloc(size));
  const reading: MessageReceiver = { arrived: (payload) => to.taken(payload.length) };
  for (let count = -1; count !== 0; ) {
    count = from.addAll(waiting);
    waiting.splice(0, count);
    for (let frame = from.nextFrame(); frame !== undefined; frame = from.nextFrame())
      to.received(Buffer.from(toBuffer(frame)), reading);
    for (let frame = to.nextFrame(); frame !== undefined; frame = to.nextFrame())
      give(from, Buffer.from(toBuffer(frame)));
  }
  return waiting.length;
}

const bytes = (frame: ResumeFrame) => encodeResumeFrame(frame);
const utf8 = (text: string) => Buffer.from(text);

describe('ResumeMachine', () => {
  it('sends nothing after a message that is too long for the link', () => {
    const { client, server } = linked();
    client.loseLink();
    server.loseLink();
    server.addAll([utf8('a'), Buffer.alloc(2000), utf8('b')]);
    client.beginLink({ inbound: 1000 });
    const hello = frameOf(client);
    server.resume(hello, decodeResumeFrame(hello) as ResumeFrame & { kind: 'resume' });
    const kinds = Array.from({ length: 6 }, () => server.nextFrame())
      .filter((frame) => frame !== undefined)
      .map((frame) => decodeResumeFrame(Buffer.from(toBuffer(frame))).kind);
    expect(kinds).toEqual(['resumed', 'data']);
    expect(server.unsendable?.details).toEqual({ message: 2, bytes: 2000, most: 999 });
    server.reset();
    expect(next(server)).toMatchObject({ kind: 'end', reason: 'reset' });
  });

  it('agrees on the shorter window and the smaller credit', () => {
    const client = new ResumeMachine({ windowMs: 10_000, creditBytes: 9000, random });
    const server = new ResumeMachine({ windowMs: 60_000, creditBytes: 4096, random });
    client.beginLink();
    server.open(next(client) as ResumeFrame & { kind: 'open' });
    expect(give(client, frameOf(server))).toEqual({ do: 'opened' });
    expect([client.windowMs, server.windowMs]).toEqual([10_000, 10_000]);
    expect([client.maxPayloadBytes, server.maxPayloadBytes]).toEqual([4096 - 64, 4096 - 64]);
  });

  it('acknowledges after 64 messages', () => {
    const { client } = linked(1 << 20);
    for (let i = 0; i < 64; i++) {
      expect(client.nextFrame()).toBe(undefined);
      give(client, bytes({ kind: 'data', payload: Buffer.alloc(1) }));
      client.taken(1);
    }
    expect(next(client)).toEqual({ kind: 'ack', received: 64 });
    expect(client.nextFrame()).toBe(undefined);
  });

  it('acknowledges after a quarter of the credit', () => {
    const { client } = linked(4096);
    give(client, bytes({ kind: 'data', payload: Buffer.alloc(4096 / 4 - 65) }));
    client.taken(4096 / 4 - 65);
    expect(client.nextFrame()).toBe(undefined);
    give(client, bytes({ kind: 'data', payload: Buffer.alloc(0) }));
    client.taken(0);
    expect(next(client)).toEqual({ kind: 'ack', received: 2 });
  });

  it('does not acknowledge what has arrived and was not taken', () => {
    const { client } = linked(4096);
    for (let i = 0; i < 10; i++) give(client, bytes({ kind: 'data', payload: Buffer.alloc(300) }));
    client.acknowledgeNow();
    expect(client.nextFrame()).toBe(undefined);
  });

  it('keeps no more than the credit allows', () => {
    const { client } = linked(4096);
    expect(client.addAll([Buffer.alloc(4096 - 63)])).toBe(0);
    expect(client.addAll([Buffer.alloc(2000 - 64)])).toBe(1);
    expect(client.addAll([Buffer.alloc(2096 - 64)])).toBe(1);
    expect(client.addAll([Buffer.alloc(0)])).toBe(0);
    client.nextFrame();
    give(client, bytes({ kind: 'ack', received: 1 }));
    expect(client.addAll([Buffer.alloc(0)])).toBe(1);
  });

  const WRONG: readonly (readonly [string, ResumeFrame, 'client' | 'server'])[] = [
    ['an ACK above what was sent', { kind: 'ack', received: 1 }, 'server'],
    ['an OPEN in the middle', { kind: 'open', windowMs: 1, creditBytes: 1 }, 'server'],
    [
      'a RESUME in the middle',
      { kind: 'resume', id: 'x'.repeat(16), secret: 'y'.repeat(16), received: 0 },
      'server',
    ],
    ['a RESUMED in the middle', { kind: 'resumed', received: 0, secret: 'y'.repeat(16) }, 'client'],
    ['a GONE from a client', { kind: 'gone', code: 1, retryAfterMs: 0, text: '' }, 'server'],
    ['a MOVE from a client', { kind: 'move', spreadMs: 1, places: undefined }, 'server'],
    ['more than the credit', { kind: 'data', payload: Buffer.alloc(4096 - 63) }, 'client'],
  ];
  for (const [name, frame, to] of WRONG) {
    it(`fails at ${name}`, () => {
      expect(give(linked()[to], bytes(frame))).toMatchObject({ do: 'fail' });
    });
  }

  it('fails at an ACK below the last one, and at DATA after END', () => {
    const { client } = linked();
    client.addAll([Buffer.from('a')]);
    client.nextFrame();
    expect(give(client, bytes({ kind: 'ack', received: 1 }))).toMatchObject({
      do: 'acknowledged',
    });
    expect(give(client, bytes({ kind: 'ack', received: 1 }))).toMatchObject({
      do: 'acknowledged',
    });
    expect(give(client, bytes({ kind: 'ack', received: 0 }))).toMatchObject({ do: 'fail' });
    const { server } = linked();
    expect(give(server, bytes({ kind: 'end', reason: 'local' }))).toMatchObject({ do: 'end' });
    expect(give(server, bytes({ kind: 'data', payload: Buffer.of(1) }))).toMatchObject({
      do: 'fail',
    });
    expect(give(server, bytes({ kind: 'end', reason: 'local' }))).toMatchObject({ do: 'fail' });
  });

  it('fails where the server answers DATA before OPENED', () => {
    const { client } = pair();
    client.beginLink();
    expect(give(client, bytes({ kind: 'data', payload: Buffer.of(1) }))).toMatchObject({
      do: 'fail',
    });
  });

  it('answers a RESUME from before what it has given up with GONE 2, and one from the future with an error', () => {
    const { client, server } = linked();
    server.addAll([Buffer.from('a')]);
    server.nextFrame();
    give(server, bytes({ kind: 'ack', received: 1 }));
    const hello = (received: number) => ({ id: client.id, secret: 'x', received });
    expect(server.resume(Buffer.of(3), hello(0))).toMatchObject({ do: 'gone', code: 2 });
    expect(server.resume(Buffer.of(3), hello(2)).do).toBe('fail');
  });

  it('takes the secret before until the first other frame on the new link, and none of those before', () => {
    const { client, server } = linked();
    const secrets = [];
    for (let i = 0; i < 3; i++) {
      server.loseLink();
      client.loseLink();
      client.beginLink();
      const hello = next(client) as ResumeFrame & { kind: 'resume' };
      secrets.push(hello.secret);
      expect(server.knows(hello.secret)).toBe(true);
      server.resume(bytes(hello), hello);
      const answer = frameOf(server);
      expect(server.knows(hello.secret)).toBe(true);
      if (i === 0) continue; // RESUMED gets lost
      give(client, answer);
      give(server, frameOf(client));
      expect(server.knows(hello.secret)).toBe(false);
    }
    expect(secrets[1]).toBe(secrets[0]);
    expect(secrets[2]).not.toBe(secrets[1]);
    for (const secret of secrets) expect(server.knows(secret)).toBe(false);
  });

  it('a RESUME that comes late, over a link that was given up, does not lock out the client', () => {
    const { client, server } = linked();
    const resume = () => {
      client.loseLink();
      client.beginLink();
      return next(client) as ResumeFrame & { kind: 'resume' };
    };
    const late = resume();
    const hello = resume();
    server.resume(bytes(hello), hello);
    give(client, frameOf(server));
    expect(server.knows(late.secret)).toBe(true);
    server.resume(bytes(late), late);
    // The link that carried the secret of the client has been replaced, and it comes again.
    const again = resume();
    expect(again.secret).not.toBe(hello.secret);
    expect(server.knows(again.secret)).toBe(true);
  });

  it('sends END again over the next link, after what was lost with it', () => {
    const { client, server } = linked();
    client.addAll([Buffer.from('a')]);
    client.end('done');
    expect([next(client).kind, next(client).kind]).toEqual(['data', 'end']);
    client.loseLink();
    server.loseLink();
    client.beginLink();
    const hello = next(client) as ResumeFrame & { kind: 'resume' };
    server.resume(bytes(hello), hello);
    give(client, frameOf(server));
    const kinds = [next(client).kind, next(client).kind, next(client).kind];
    expect(kinds).toEqual(['ack', 'data', 'end']);
  });

  it('sends short messages together, in frames of at most 1024 bytes, and long ones alone', () => {
    const { client, server } = linked(1 << 20);
    client.addAll(['a', '', 'bc'].map((text) => Buffer.from(text)));
    const frame = frameOf(client);
    expect(frame.toString('latin1')).toBe('\n\0\x01a\0\0\0\x02bc');
    const inbox = new Inbox();
    expect(server.received(frame, inbox)).toBe(undefined);
    expect(inbox.texts).toEqual(['a', '', 'bc']);
    client.addAll([Buffer.alloc(600), Buffer.alloc(419), Buffer.alloc(420), Buffer.alloc(70_000)]);
    expect([1, 2, 3].map(() => frameOf(client).length)).toEqual([1024, 421, 70_001]);
    expect(client.nextFrame()).toBe(undefined);
  });

  it('passes on none of the messages after one that ends the link or the channel', () => {
    for (const end of ['loseLink', 'reset'] as const) {
      const { server } = linked();
      const texts: string[] = [];
      const action = server.received(bytes({ kind: 'many', payloads: ['a', 'b'].map(utf8) }), {
        arrived: (payload) => {
          texts.push(String(payload));
          server[end]();
        },
      });
      expect([texts, action]).toEqual([['a'], undefined]);
    }
  });

  it('refuses a frame of many messages that is cut off, too long, or more than the credit', () => {
    const wrong = (frame: Buffer) =>
      (give(linked(1 << 20).server, frame) as { error: Error }).error;
    expect(wrong(Buffer.from('0a0001', 'hex')).message).toContain('cut off');
    expect(wrong(Buffer.from('0a00', 'hex')).message).toContain('cut off');
    const long = bytes({ kind: 'many', payloads: [Buffer.alloc(1000), Buffer.alloc(20)] });
    expect(wrong(long).message).toContain('at most 1024 bytes');
    const much = bytes({
      kind: 'many',
      payloads: Array.from({ length: 65 }, () => Buffer.alloc(0)),
    });
    expect(give(linked(4096).server, much)).toMatchObject({ do: 'fail' });
  });
});

describe('the secrets of a channel that two processes have', () => {
  const machine = () =>
    new ResumeMachine({ windowMs: 60_000, creditBytes: 4096, random: systemRandom });
  /** A channel whose client has the first secret, and may have another one: it was lost, or overtaken. */
  const opened = (): { readonly first: string; readonly before: ResumeMachine } => {
    const before = machine();
    before.open({ windowMs: 60_000, creditBytes: 4096 });
    const first = before.secrets.last;
    shown(before, first);
    return { first, before };
  };
  /** The other copy, in a process that has it from the log while this one lives. */
  const copyOf = (before: ResumeMachine): ResumeMachine => {
    const after = machine();
    after.restore(before.state);
    before.secrets.isShared = true;
    return after;
  };
  /** The secret that a client gets which shows this one. */
  const shown = (to: ResumeMachine, secret: string): string => {
    const action = to.resume(Buffer.alloc(0), { received: 0, secret });
    expect(action).toMatchObject({ do: 'resumed' });
    return to.secrets.last;
  };
  const ack = encodeResumeFrame({ kind: 'ack', received: 0 }) as Buffer;
  const confirmed = (by: ResumeMachine): ResumeMachine => {
    by.received(ack, { arrived: () => {} });
    return by;
  };

  it('are different ones after its client has come to one of them', () => {
    const { first, before } = opened();
    const after = copyOf(before);
    shown(before, first);
    shown(after, first);
    expect([after.knows(before.secrets.last), before.knows(after.secrets.last)]).toEqual([
      false,
      false,
    ]);
  });

  it('are everything that the client may have, if it comes with one that is late', () => {
    const { first, before } = opened();
    const second = before.secrets.last;
    const after = copyOf(before);
    const third = shown(after, first);
    expect([first, second, third].map((secret) => after.knows(secret))).toEqual([true, true, true]);
    // It is given no other one before it has got this one.
    expect([shown(after, second), after.knows(first)]).toEqual([third, false]);
    confirmed(after);
    expect([second, third].map((secret) => after.knows(secret))).toEqual([false, true]);
  });
});

describe('acknowledgements of a machine', () => {
  const SIZES: readonly (readonly [string, readonly number[]])[] = [
    ['short messages', Array(200).fill(100)],
    ['messages of a quarter of the credit', Array(50).fill(1000)],
    [
      'long messages between short ones',
      Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 3800 : 500)),
    ],
  ];
  for (const [name, sizes] of SIZES) {
    for (const small of ['client', 'server'] as const) {
      it(`let a peer with full credit go on at once, where the credit of the ${small} is smaller: ${name}`, () => {
        const options = { windowMs: 60_000, random };
        const client = new ResumeMachine({
          ...options,
          creditBytes: small === 'client' ? 4096 : 1 << 20,
        });
        const server = new ResumeMachine({
          ...options,
          creditBytes: small === 'server' ? 4096 : 1 << 20,
        });
        client.beginLink();
        server.open(next(client) as ResumeFrame & { kind: 'open' });
        give(client, frameOf(server));
        expect(sendAll(client, server, sizes)).toBe(0);
        expect(sendAll(server, client, sizes)).toBe(0);
      });
    }
  }
});
