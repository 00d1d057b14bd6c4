import { LengthFieldPrepender } from '@headrace/codec';
import {
  type Address,
  AttributeKey,
  type Channel,
  type Context,
  DrainEvent,
  DrainStartEvent,
  type Handler,
  isHeadraceError,
  type OutboundBytes,
  type ReadHold,
} from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { AuthHandler, PRINCIPAL } from '@headrace/handlers';
import { LASTING_ERRORS } from '@headrace/lasting';
import { describe, expect, it, vi } from 'vitest';
import { acknowledged, isLinked, unacknowledged } from '../../src/channel/lasting-channel.ts';
import { LinkLostEvent, LinkResumedEvent } from '../../src/channel/resume-event.ts';
import { RunFrame } from '../../src/protocol/kept-run.ts';
import {
  decodeResumeFrame,
  encodeResumeFrame,
  type ResumeFrame,
} from '../../src/protocol/resume-frame.ts';
import { ResumeHandler } from '../../src/server/resume-handler.ts';
import { ResumeTable } from '../../src/server/resume-table.ts';
import type { ResumeTableOptions } from '../../src/server/resume-table-options.ts';

const USER = new AttributeKey<string>('user');
/** How a link ended: its client may be absent for so many milliseconds. */
const LEFT = new AttributeKey<number>('left');
const REFUSAL_MS = 100;
const THIEF = { host: '192.0.2.1', port: 1, family: 'IPv4' } as const;

/** A server without sockets: links are embedded channels, lasting channels echo what they read. */
class Bench {
  readonly clock = new VirtualClock();
  readonly table: ResumeTable;
  readonly channels: Channel[] = [];
  readonly events: unknown[] = [];
  holds = false;
  signIn: 'pending' | 'done' | undefined = undefined;
  /** Their clients sign in with a message, and no AuthHandler knows. */
  own: 'at once' | 'later' | undefined = undefined;
  hold: ReadHold | undefined = undefined;
  private made = 0;

  constructor(options: ResumeTableOptions = {}) {
    const random = (count: number) => {
      this.made += 1;
      return new Uint8Array(count).fill(this.made).fill(this.made >> 8, 1, 2);
    };
    this.table = new ResumeTable({ random, ...options });
  }

  link(remoteAddress: Address = THIEF): Link {
    const childHandler = (channel: Channel) => {
      this.channels.push(channel);
      if (this.signIn === 'done') channel.attributes.set(PRINCIPAL, 'ann');
      if (this.signIn === 'pending') {
        channel.pipeline.addLast(new AuthHandler({ authenticate: () => new Promise(() => {}) }));
      }
      if (this.holds) this.hold = channel.holdReads('test');
      if (this.own !== undefined) channel.pipeline.addLast(this.ownSignIn(this.own));
      channel.pipeline.addLast({
        channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
        userEventTriggered: (ctx: Context, event: unknown) => {
          this.events.push(event);
          if (event instanceof DrainStartEvent) event.stopInput();
          ctx.fireUserEventTriggered(event);
        },
        exceptionCaught: (_ctx: Context, error: Error) => void this.events.push(error),
      });
    };
    const handler = new ResumeHandler({ table: this.table, childHandler });
    return new Link(EmbeddedChannel.with({ clock: this.clock, remoteAddress }, handler));
  }

  private ownSignIn(when: 'at once' | 'later'): Handler {
    return {
      channelRead: ({ channel }: Context, bytes: Buffer) => {
        const signIn = () => channel.attributes.set(PRINCIPAL, String(bytes));
        if (when === 'at once') signIn();
        else this.clock.schedule(signIn, 1000);
      },
    };
  }

  /** A lasting channel whose client is absent: it said one thing, if any, and went. */
  absent(from: Address, said?: string): Channel {
    const { link } = this.open(60_000, 1 << 20, from);
    if (said !== undefined) link.say(data(said));
    link.channel.abort();
    return this.channels.at(-1)!;
  }

  /** A link with a new lasting channel. */
  open(
    windowMs = 60_000,
    creditBytes = 1 << 20,
    from: Address = THIEF,
  ): { link: Link; id: string; secret: string } {
    const link = this.link(from);
    const [opened] = link.say({ kind: 'open', windowMs, creditBytes });
    const { id, secret } = opened as ResumeFrame & { kind: 'opened' };
    return { link, id, secret };
  }
}

/** An address of a network of its own. */
const address = (network: number): Address => ({
  host: `198.51.${network >> 8}.${network & 255}`,
  port: 1,
  family: 'IPv4',
});
const open = (channels: readonly Channel[]): number =>
  channels.filter(({ isOpen }) => isOpen).length;

/** A client by hand. */
class Link {
  readonly channel: EmbeddedChannel;

  constructor(channel: EmbeddedChannel) {
    this.channel = channel;
  }

  /** Sends frames in one burst, and returns what came. */
  say(...frames: readonly ResumeFrame[]): (ResumeFrame | { kind: string })[] {
    this.channel.writeInbound(...frames.map(encodeResumeFrame));
    return this.heard();
  }

  heard(): (ResumeFrame | { kind: string })[] {
    const frames = [];
    for (;;) {
      const bytes = this.channel.readOutbound<OutboundBytes>();
      if (bytes === undefined) return frames;
      const frame = decodeResumeFrame(Buffer.from(toBuffer(bytes)));
      if (frame.kind !== 'many') frames.push(frame);
      else frames.push(...(frame as ResumeFrame & { kind: 'many' }).payloads.map(dataOf));
    }
  }
}

const dataOf = (payload: Buffer): ResumeFrame => ({ kind: 'data', payload });
const data = (text: string): ResumeFrame => dataOf(Buffer.from(text));
const gone1 = { kind: 'gone', code: 1, retryAfterMs: 0, text: '' };

describe('ResumeHandler', () => {
  it('opens a lasting channel and carries messages both ways', () => {
    const bench = new Bench();
    const { link } = bench.open();
    expect(bench.table.size).toBe(1);
    expect(link.say(data('one'), data('two'))).toEqual([data('one'), data('two')]);
    bench.clock.advance(250);
    expect(link.heard()).toEqual([{ kind: 'ack', received: 2 }]);
  });

  it('goes on with the same channel over another link, and sends again what was not acknowledged', () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open();
    link.say(data('one'), data('two'));
    bench.channels[0]!.attributes.set(USER, 'ann');
    link.channel.abort();
    expect([bench.table.detached, isLinked(bench.channels[0]!)]).toEqual([1, false]);
    bench.clock.advance(3000);
    const next = bench.link();
    const frames = next.say({ kind: 'resume', id, secret, received: 1 });
    expect(frames.map(({ kind }) => kind)).toEqual(['resumed', 'data']);
    expect(frames[0]).toMatchObject({ received: 2 });
    expect(frames[1]).toEqual(data('two'));
    expect(bench.channels).toHaveLength(1);
    expect(bench.channels[0]!.attributes.get(USER)).toBe('ann');
    expect(bench.events).toEqual([expect.any(LinkLostEvent), new LinkResumedEvent(3000, 1)]);
    expect(next.say(data('three'))).toEqual([data('three')]);
  });

  it('gives a client whose link ended in another way another window, for this absence', () => {
    const windowOf = (link: Channel) => link.attributes.get(LEFT);
    const bench = new Bench({ windowOf });
    const { link, id, secret } = bench.open();
    link.channel.attributes.set(LEFT, 5000);
    link.channel.abort();
    bench.clock.advance(4999);
    expect(bench.table.size).toBe(1);
    const next = bench.link();
    const [resumed] = next.say({ kind: 'resume', id, secret, received: 0 });
    expect(resumed?.kind).toBe('resumed');
    next.channel.abort();
    bench.clock.advance(59_999);
    expect(bench.table.size).toBe(1);
    const other = bench.open().link;
    other.channel.attributes.set(LEFT, 5000);
    other.channel.abort();
    bench.clock.advance(5000);
    expect(bench.table.size).toBe(0);
    expect(bench.channels[1]!.closeInfo).toMatchObject({ reason: 'unreachable' });
    expect(bench.channels[1]!.closeInfo?.error?.message).toContain('5000 ms');
  });

  it.each([100_000, Number.NaN, -1, undefined])(
    'keeps a client for no longer than the window when windowOf gives %s',
    (given) => {
      const bench = new Bench({ windowOf: () => given });
      const { channel } = bench.open().link;
      channel.abort();
      const failure = given === undefined || given >= 0 ? undefined : /windowOf gave/;
      if (failure === undefined) channel.checkException();
      else expect(() => channel.checkException()).toThrow(failure);
      bench.clock.advance(59_999);
      expect(bench.table.size).toBe(1);
      bench.clock.advance(1);
      expect(bench.table.size).toBe(0);
    },
  );

  it('replaces a link that is still open', () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open();
    const next = bench.link();
    next.say({ kind: 'resume', id, secret, received: 0 });
    expect(link.channel.closeInfo?.reason).toBe('replaced');
    expect(next.say(data('hi'))).toEqual([data('hi')]);
    expect(bench.table.detached).toBe(0);
  });

  it('takes writes while there is no link, and acknowledged() waits for the peer', async () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open();
    const channel = bench.channels[0]!;
    link.channel.abort();
    const future = channel.writeAndFlush(Buffer.from('later'));
    expect(future.isSuccess).toBe(true);
    expect(unacknowledged(channel)).toEqual([Buffer.from('later')]);
    let isThere = false;
    const whole = acknowledged(channel).then(() => {
      isThere = true;
    });
    const next = bench.link();
    const [, frame] = next.say({ kind: 'resume', id, secret, received: 0 });
    expect(frame).toEqual(data('later'));
    await Promise.resolve();
    expect(isThere).toBe(false);
    next.say({ kind: 'ack', received: 1 });
    await whole;
    expect(unacknowledged(channel)).toEqual([]);
  });

  it('ends a channel whose client stays away for longer than the window, and tells the client', () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open(10_000);
    link.channel.abort();
    bench.clock.advance(9999);
    expect(bench.channels[0]!.isOpen).toBe(true);
    bench.clock.advance(1);
    const { closeInfo } = bench.channels[0]!;
    expect([
      closeInfo?.reason,
      isHeadraceError(closeInfo?.error, LASTING_ERRORS.RESUME_GONE),
    ]).toEqual(['unreachable', true]);
    expect(bench.table.size).toBe(0);
    const next = bench.link();
    next.say({ kind: 'resume', id, secret, received: 0 });
    bench.clock.advance(REFUSAL_MS);
    expect(next.heard()).toEqual([gone1]);
  });

  it('gives the longest absent one up above maxDetached, and its client is told so', () => {
    const bench = new Bench({ maxDetached: 2 });
    const all = [bench.open(), bench.open(), bench.open()];
    for (const { link } of all) link.channel.abort();
    expect(bench.channels.map(({ closeInfo }) => closeInfo?.reason)).toEqual([
      'limit',
      undefined,
      undefined,
    ]);
    const { id, secret } = all[0]!;
    const next = bench.link();
    next.say({ kind: 'resume', id, secret, received: 0 });
    bench.clock.advance(REFUSAL_MS);
    expect(next.heard()).toEqual([{ ...gone1, code: 4 }]);
    bench.clock.advance(60_000);
    expect([bench.table.size, bench.table.detached, bench.clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('gives strangers up before a client that has signed in', () => {
    const bench = new Bench({ maxDetached: 5, maxDetachedPerAddress: 100 });
    bench.signIn = 'done';
    const { link, id, secret } = bench.open();
    link.channel.abort();
    bench.signIn = undefined;
    for (let i = 0; i < 50; i++) bench.open().link.channel.abort();
    expect([bench.table.detached, bench.channels[0]!.isOpen]).toEqual([5, true]);
    const [answer] = bench.link().say({ kind: 'resume', id, secret, received: 0 });
    expect(answer!.kind).toBe('resumed');
    bench.signIn = 'done';
    for (let i = 0; i < 6; i++) bench.open().link.channel.abort();
    expect(bench.channels.slice(51).map(({ isOpen }) => isOpen)).toEqual([
      false,
      ...Array(5).fill(true),
    ]);
  });

  const STRANGERS = [
    [12, 'twelve addresses'],
    [1, 'one address'],
  ] as const;
  for (const [addresses, where] of STRANGERS) {
    const crowd = (bench: Bench, each: number): Channel[] =>
      Array.from({ length: addresses * each }, (_, at) =>
        bench.absent(address(1000 + (at % addresses))),
      );

    it(`keeps all that have signed in by means of their own, however many come from ${where}`, () => {
      const bench = new Bench({ maxDetached: 200, maxDetachedPerAddress: 20 });
      bench.own = 'at once';
      const members = Array.from({ length: 50 }, () => bench.absent(address(1), 'ann'));
      bench.own = undefined;
      const strangers = crowd(bench, 100);
      expect([open(members), open(strangers)]).toEqual([50, Math.min(150, 20 * addresses)]);
    });

    it(`takes from the network that has most, however many come from ${where}`, () => {
      const bench = new Bench({ maxDetached: 200, maxDetachedPerAddress: 180 });
      const others = Array.from({ length: 50 }, (_, at) => bench.absent(address(at)));
      const strangers = crowd(bench, 300);
      expect([open(others), open(strangers)]).toEqual([50, 150]);
    });

    it(`keeps one more that is absent, and lets it come back, however many come from ${where}`, () => {
      const bench = new Bench({ maxDetached: 200, maxDetachedPerAddress: 1000 });
      crowd(bench, 300);
      const { link, id, secret } = bench.open(60_000, 1 << 20, address(13));
      link.channel.abort();
      crowd(bench, 300);
      const [answer] = bench.link().say({ kind: 'resume', id, secret, received: 0 });
      expect(answer!.kind).toBe('resumed');
    });
  }

  it('keeps one that signs in while it is absent', () => {
    const bench = new Bench({ maxDetached: 5, maxDetachedPerAddress: 3 });
    bench.own = 'later';
    const members = [bench.absent(address(1), 'ann'), bench.absent(address(1), 'ben')];
    bench.own = undefined;
    bench.clock.advance(1000);
    for (let i = 0; i < 10; i++) bench.absent(address(1));
    expect([open(members), bench.table.detached]).toEqual([2, 5]);
    for (let i = 0; i < 10; i++) bench.absent(address(2));
    expect([open(members), bench.table.detached]).toEqual([2, 5]);
  });

  it('counts no client that has signed in among the strangers of its address', () => {
    const bench = new Bench({ maxDetached: 5 });
    const neighbor = bench.absent(address(1));
    bench.signIn = 'done';
    for (let i = 0; i < 3; i++) bench.absent(address(1));
    bench.signIn = undefined;
    const strangers = [bench.absent(address(2)), bench.absent(address(2))];
    expect([neighbor.isOpen, open(strangers)]).toEqual([true, 1]);
  });

  it('gives the longest absent one up where networks have as many, signed in or not', () => {
    for (const signIn of [undefined, 'done'] as const) {
      const bench = new Bench({ maxDetached: 3 });
      bench.signIn = signIn;
      const all = [1, 2, 3, 4, 5].map((network) => bench.absent(address(network)));
      expect(all.map(({ isOpen }) => isOpen)).toEqual([false, false, true, true, true]);
    }
  });

  it('takes from the network that has most of those that have signed in', () => {
    const bench = new Bench({ maxDetached: 5 });
    bench.signIn = 'done';
    const one = bench.absent(address(1));
    const many = Array.from({ length: 10 }, () => bench.absent(address(2)));
    expect([one.isOpen, open(many), open(many.slice(6))]).toEqual([true, 4, 4]);
  });

  it('gives up only strangers of one address above maxDetachedPerAddress', () => {
    const bench = new Bench({ maxDetachedPerAddress: 2 });
    const other = { host: '192.0.2.2', port: 1, family: 'IPv4' } as const;
    bench.open(60_000, 1 << 20, other).link.channel.abort();
    bench.signIn = 'done';
    bench.open().link.channel.abort();
    bench.signIn = undefined;
    const strangers = [bench.open(), bench.open(), bench.open()];
    for (const { link } of strangers) link.channel.abort();
    expect(bench.channels.map(({ isOpen }) => isOpen)).toEqual([true, true, false, true, true]);
    const { id, secret } = strangers[1]!;
    bench.link().say({ kind: 'resume', id, secret, received: 0 });
    bench.open().link.channel.abort();
    expect(bench.channels.at(-1)!.isOpen).toBe(true);
  });

  it('keeps no channel whose client goes before the sign-in that an AuthHandler waits for', () => {
    const bench = new Bench();
    bench.signIn = 'pending';
    const { link } = bench.open();
    expect(bench.table.size).toBe(1);
    link.channel.abort();
    bench.clock.advance(0);
    expect([bench.table.size, bench.table.detached]).toEqual([0, 0]);
    expect(bench.channels[0]!.closeInfo?.reason).toBe('unreachable');
  });

  it('gives the longest absent one up above maxDetachedBytes', () => {
    const bench = new Bench({ maxDetachedBytes: 3000 });
    for (const { link } of [bench.open(), bench.open()]) link.channel.abort();
    const write = (at: number, bytes: number) =>
      bench.clock.run(() => bench.channels[at]!.writeAndFlush(Buffer.alloc(bytes)));
    write(0, 1000);
    write(1, 1000);
    expect(bench.table.detachedBytes).toBe(2 * 1064);
    write(1, 1000);
    expect(bench.channels.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    expect(bench.table.detachedBytes).toBe(2 * 1064);
  });

  it('does not count an absent client as a slow consumer, and tells one that was slow that it is overrun', () => {
    const bench = new Bench({ creditBytes: 4096 });
    const { link, id, secret } = bench.open();
    const channel = bench.channels[0]!;
    link.channel.abort();
    for (let i = 0; i < 5; i++) channel.writeAndFlush(Buffer.alloc(3000)).onSettled(() => {});
    bench.clock.advance(50_000);
    expect([channel.isOpen, channel.pendingOutboundBytes > 0]).toEqual([true, true]);
    bench.clock.run(() => channel.close('slow-consumer'));
    const next = bench.link();
    next.say({ kind: 'resume', id, secret, received: 0 });
    bench.clock.advance(REFUSAL_MS);
    expect(next.heard()).toEqual([{ ...gone1, code: 2 }]);
    expect(bench.table.counters.gone.overrun).toBe(1);
  });

  it('delivers what a closed channel had written, and its end, when the client comes back', () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open();
    link.channel.abort();
    const channel = bench.channels[0]!;
    channel.writeAndFlush(Buffer.from('bye'));
    bench.clock.run(() => channel.close('idle'));
    expect(channel.isOpen).toBe(false);
    const next = bench.link();
    const frames = next.say({ kind: 'resume', id, secret, received: 0 });
    expect(frames.slice(1)).toEqual([data('bye'), { kind: 'end', reason: 'idle' }]);
    next.say({ kind: 'ack', received: 1 }, { kind: 'end', reason: 'peer' });
    expect(bench.table.size).toBe(0);
  });

  it('reads the link while the pipeline takes nothing, and refuses more than its credit', () => {
    const bench = new Bench({ creditBytes: 1024 });
    bench.holds = true;
    const { link } = bench.open();
    link.say(data('x'.repeat(400)), data('x'.repeat(400)));
    expect([link.channel.isReadHeld, link.channel.isOpen]).toEqual([false, true]);
    bench.clock.advance(250);
    expect(link.heard()).toEqual([]);
    expect(() => link.say(data('x'.repeat(400)))).toThrow('credit of 1024 bytes');
    expect(bench.channels[0]!.closeInfo?.reason).toBe('bad-input');
  });

  it('keeps no read for a short message that waits for the pipeline', () => {
    const bench = new Bench();
    bench.holds = true;
    const { link } = bench.open();
    const messages: Buffer[] = [];
    const read = Buffer.alloc(65_536, encodeResumeFrame(data('x')));
    link.channel.writeInbound(
      ...Array.from({ length: 100 }, (_, i) => read.subarray(2 * i, 2 * i + 2)),
    );
    const channel = bench.channels[0]!;
    channel.pipeline.addFirst({
      channelRead: (_ctx: Context, message: Buffer) => void messages.push(message),
    });
    bench.clock.run(() => bench.hold!.release());
    expect(messages.map(String)).toEqual(Array(100).fill('x'));
    expect(new Set(messages.map(({ buffer }) => buffer.byteLength))).toEqual(new Set([100]));
  });

  const WRONG: readonly (readonly [string, Buffer | string])[] = [
    ['no bytes', 'text'],
    ['an empty frame', Buffer.alloc(0)],
    ['a reserved frame', Buffer.of(11)],
    ['DATA first', encodeResumeFrame(data('hi'))],
    ['a short OPEN', Buffer.of(1, 3, 0)],
  ];
  for (const [name, first] of WRONG) {
    it(`ends a link as bad-input that begins with ${name}`, () => {
      const { channel } = new Bench().link();
      expect(() => channel.writeInbound(first)).toThrow('breaks the resume protocol');
      expect(channel.isEnding).toBe(true);
      channel.endInput();
      expect(channel.closeInfo?.reason).toBe('bad-input');
    });
  }

  it('ends link and lasting channel as bad-input at a wrong frame, with its bytes', () => {
    const bench = new Bench();
    const { link } = bench.open();
    expect(() => link.say({ kind: 'ack', received: 9 })).toThrow('(07000000000009)');
    expect(bench.channels[0]!.closeInfo?.reason).toBe('bad-input');
    expect(bench.table.size).toBe(0);
  });

  it('ends a link that says nothing within helloTimeoutMs', () => {
    const bench = new Bench({ helloTimeoutMs: 2000 });
    const { channel } = bench.link();
    channel.advance(1999);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.closeInfo?.reason).toBe('timeout');
    expect(() => channel.checkException()).toThrow('2000 ms');
  });

  it('answers another version with GONE 3', () => {
    const link = new Bench().link();
    link.channel.writeInbound(Buffer.of(1, 7, 1, 2, 3));
    expect(link.heard()).toMatchObject([{ kind: 'gone', code: 3 }]);
  });

  it('tells its operator why a client was told that its channel is gone', () => {
    const bench = new Bench({ maxDetached: 2 });
    const { link, id, secret } = bench.open();
    link.say(data('one'));
    link.say({ kind: 'ack', received: 1 });
    link.channel.abort();
    const texts: string[] = [];
    const come = (shown: { id: string; secret: string }, bytes?: Buffer): number => {
      const next = bench.link();
      const logger = { log: (_level: unknown, text: string) => void texts.push(text) };
      Object.defineProperty(next.channel, 'logger', { value: logger });
      next.channel.writeInbound(
        bytes ?? encodeResumeFrame({ kind: 'resume', ...shown, received: 0 }),
      );
      bench.clock.advance(REFUSAL_MS);
      const [frame] = next.heard() as { code: number }[];
      return frame!.code;
    };
    const other = 'x'.repeat(16);
    expect([
      come({ id: other, secret }),
      come({ id, secret: other }),
      come({ id, secret }),
      come({ id, secret }, Buffer.of(1, 7, 1, 2, 3)),
    ]).toEqual([1, 1, 2, 3]);
    for (let count = 0; count < 3; count++) bench.absent(address(count));
    come({ id, secret });
    const { gone } = bench.table.counters;
    expect(Object.entries(gone).filter(([, count]) => count > 0)).toEqual([
      ['unknown', 1],
      ['secret', 1],
      ['position', 1],
      ['version', 1],
      ['limit', 1],
    ]);
    const name = Buffer.from(id, 'latin1').toString('hex');
    expect(texts.map((text) => text.replace(/.* is told that /, ''))).toEqual([
      `the lasting channel ${'78'.repeat(16)} is gone: unknown`,
      `the lasting channel ${name} is gone: secret`,
      `the lasting channel ${name} is gone: position`,
      'a lasting channel is gone: version',
      `the lasting channel ${name} is gone: limit`,
    ]);
  });

  it('asks its clients to move', () => {
    const bench = new Bench();
    const { link } = bench.open();
    const places = [{ host: 'b.example', port: 1 }];
    bench.clock.run(() => bench.table.move({ spreadMs: 500, places }));
    expect(link.heard()).toEqual([{ kind: 'move', spreadMs: 500, places }]);
  });

  it('ends no lasting channel if its link is to rest only', () => {
    const bench = new Bench();
    const { link } = bench.open();
    const event = new DrainEvent(10_000, () => {});
    link.channel.run(() => link.channel.pipeline.fireUserEventTriggered(event));
    const { isOpen, isEnding } = bench.channels[0]!;
    expect([isOpen, isEnding, event.holds]).toEqual([true, false, ['lasting channel']]);
    const [relayed] = bench.events.filter((each) => each instanceof DrainEvent);
    expect([relayed!.endsChannel, relayed!.timeoutMs]).toEqual([false, 10_000]);
  });

  it('ends the channels of absent clients when the table is closed', () => {
    const bench = new Bench();
    const { link } = bench.open();
    link.channel.abort();
    bench.clock.run(() => bench.table.close());
    expect(bench.channels[0]!.closeInfo?.reason).toBe('shutdown');
    expect([bench.table.size, bench.clock.pendingTimers]).toEqual([0, 0]);
  });
});

describe('the secret of a lasting channel', () => {
  function tryToResume(bench: Bench, id: string, secret: string): { ms: number; frames: unknown } {
    const thief = bench.link();
    const before = bench.clock.now();
    const frames = thief.say({ kind: 'resume', id, secret, received: 0 });
    while (frames.length === 0) {
      bench.clock.advance(50);
      frames.push(...thief.heard());
    }
    return { ms: bench.clock.now() - before, frames };
  }

  it('is needed: an id alone, a wrong secret and an unknown id get the same answer in the same time', () => {
    const bench = new Bench();
    const { link, id } = bench.open();
    const answer = { ms: REFUSAL_MS, frames: [gone1] };
    expect(tryToResume(bench, id, '\0'.repeat(16))).toEqual(answer);
    expect(tryToResume(bench, id, id)).toEqual(answer);
    expect(tryToResume(bench, 'x'.repeat(16), '\0'.repeat(16))).toEqual(answer);
    expect(link.say(data('mine'))).toEqual([data('mine')]);
  });

  it('is not found by 1000 tries, which lock no client out', () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open();
    for (let i = 0; i < 1000; i++) {
      const { ms, frames } = tryToResume(bench, id, i.toString(16).padStart(16, 'z'));
      expect([ms, frames]).toEqual([REFUSAL_MS, [gone1]]);
    }
    expect(link.say(data('mine'))).toEqual([data('mine')]);
    expect([bench.table.size, bench.channels.length]).toEqual([1, 1]);
    const { ms, frames } = tryToResume(bench, id, secret);
    expect([ms, (frames as ResumeFrame[])[0]!.kind]).toEqual([0, 'resumed']);
  });

  it('is replaced at each resumption: the old one works until the first frame of the new link only', () => {
    const bench = new Bench();
    const { link, id, secret } = bench.open();
    link.channel.abort();
    // RESUMED gets lost.
    bench.link().say({ kind: 'resume', id, secret, received: 0 });
    const again = bench.link();
    expect(again.say({ kind: 'resume', id, secret, received: 0 })[0]!.kind).toBe('resumed');
    again.say({ kind: 'ack', received: 0 });
    expect(tryToResume(bench, id, secret).frames).toEqual([gone1]);
    expect(again.say(data('mine'))).toEqual([data('mine')]);
  });
});

it('copies no frame that waits for a slow link, since its channel keeps the memory', () => {
  const { channel } = new Bench().open().link;
  channel.pipeline.addFirst(new LengthFieldPrepender({ lengthFieldLength: 4 }));
  channel.embedded.isStuck = true;
  const copies = vi.spyOn(RunFrame.prototype, 'writeTo');
  for (let i = 0; i < 10; i++) {
    channel.writeInbound(encodeResumeFrame(data(`${i}`.repeat(1000))));
  }
  expect(copies).toHaveBeenCalledTimes(0);
  channel.run(() => channel.embedded.release());
  expect(copies).toHaveBeenCalledTimes(10);
  copies.mockRestore();
});

describe('a drain that starts on a link', () => {
  const openFrame = { kind: 'open', windowMs: 60_000, creditBytes: 1 << 20 } as const;
  it.each<[string, (bench: Bench, start: (link: Link) => void) => Link]>([
    [
      'of a lasting channel',
      (bench, start) => {
        const { link } = bench.open();
        start(link);
        return link;
      },
    ],
    [
      'before the lasting channel is opened',
      (bench, start) => {
        const link = bench.link();
        start(link);
        link.say(openFrame);
        return link;
      },
    ],
    [
      'before its client comes back over it',
      (bench, start) => {
        const { link, id, secret } = bench.open();
        link.channel.abort();
        const again = bench.link();
        start(again);
        again.say({ kind: 'resume', id, secret, received: 0 });
        return again;
      },
    ],
  ])('stops the input of the lasting channel, and waits for what was read: %s', (_when, reach) => {
    const bench = new Bench();
    const { clock } = bench;
    bench.holds = true;
    const event = new DrainStartEvent();
    const link = reach(bench, ({ channel }) =>
      channel.run(() => channel.pipeline.fireUserEventTriggered(event)),
    );
    let isDelivered = false;
    event.onceDelivered(clock, 1000, () => {
      isDelivered = true;
    });
    clock.advance(999);
    expect(isDelivered).toBe(false);
    clock.run(() => bench.hold!.release());
    clock.advance(0);
    expect(isDelivered).toBe(true);
    expect(link.say(data('late'))).toEqual([]);
  });
});
