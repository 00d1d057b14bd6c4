import { Buffer } from 'node:buffer';
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import type { Context } from '@headrace/core';
import { connectedPair, EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { type MeshEnd, type MeshGreeting, MeshKeys } from '../../src/mesh/mesh-greeting.ts';
import { type HandshakeOwner, MeshHandshake, type Verdict } from '../../src/mesh/mesh-handshake.ts';

const OLD = 'an old secret of 16 bytes';
const NEW = 'a new secret of 16 bytes';

/** One end of a handshake, which records what comes out of it. */
class TestEnd implements HandshakeOwner {
  readonly node: MeshEnd;
  readonly outcomes: string[] = [];
  private readonly verdict: Verdict;

  constructor(id: string, keys: readonly string[] = [], verdict: Verdict = 'join') {
    const identity = { id, kind: 'node', place: { host: id, port: 7700 } } as const;
    this.node = { identity, keys: new MeshKeys(keys) };
    this.verdict = verdict;
  }

  decide(other: MeshGreeting): Verdict {
    this.outcomes.push(`decides on ${other.id}`);
    return this.verdict;
  }

  done(_ctx: Context, { id, place }: MeshGreeting, verdict: Verdict): void {
    this.outcomes.push(`${verdict} ${id} at ${place.host}:${place.port}`);
  }

  refused(_ctx: Context, why: string): void {
    this.outcomes.push(why);
  }
}

const frames = () =>
  [
    new LengthFieldFrameDecoder({
      maxFrameLength: 5000,
      lengthFieldLength: 4,
      initialBytesToStrip: 4,
    }),
    new LengthFieldPrepender({ lengthFieldLength: 4 }),
  ] as const;

function meet(dialer: TestEnd, acceptor: TestEnd) {
  const { client, server } = connectedPair({
    client: ({ pipeline }) =>
      pipeline.addLast(...frames(), new MeshHandshake(dialer, 'dialer', 5000)),
    server: ({ pipeline }) =>
      pipeline.addLast(...frames(), new MeshHandshake(acceptor, 'acceptor', 5000)),
  });
  return {
    dialer: dialer.outcomes,
    acceptor: acceptor.outcomes,
    isOpen: client.isOpen && server.isOpen,
  };
}

/** An acceptor to which frames are written by hand. */
function accepting(owner: TestEnd) {
  const channel = new EmbeddedChannel(new MeshHandshake(owner, 'acceptor', 5000));
  const answerTo = (step: unknown): Record<string, string> | undefined => {
    channel.writeInbound(Buffer.from(JSON.stringify(step)));
    const answer = channel.readOutbound<Buffer>();
    return answer === undefined ? undefined : JSON.parse(answer.toString());
  };
  return { channel, answerTo };
}

describe('MeshHandshake', () => {
  it('joins two nodes that have no keys, or a key in common', () => {
    for (const [one, other] of [
      [[], []],
      [[NEW], [NEW]],
      [[OLD, NEW], [OLD]],
      [
        [NEW, OLD],
        [OLD, NEW],
      ],
    ] as const) {
      const { dialer, acceptor, isOpen } = meet(new TestEnd('a', one), new TestEnd('b', other));
      expect(dialer).toEqual(['decides on b', 'join b at b:7700']);
      expect(acceptor).toEqual(['join a at a:7700']);
      expect(isOpen).toBe(true);
    }
  });

  it('ends the connection after an introduction, which names the address', () => {
    const { acceptor, isOpen } = meet(new TestEnd('b', [], 'introduce'), new TestEnd('a'));
    expect(acceptor).toEqual(['introduce b at b:7700']);
    expect(isOpen).toBe(false);
  });

  it('refuses another key, and a node that has keys when the other has none', () => {
    for (const [one, other, why] of [
      [[NEW], [OLD], 'it has another key'],
      [[NEW], [], 'it has no keys'],
      [[], [NEW], 'it has keys, and this node has none'],
    ] as const) {
      const { dialer, acceptor, isOpen } = meet(new TestEnd('a', one), new TestEnd('b', other));
      expect(dialer).toEqual([why]);
      expect(acceptor).toEqual([]);
      expect(isOpen).toBe(false);
    }
  });

  it('refuses a dialer without a proof, whatever it claims', () => {
    const hello = { mesh: 1, id: 'x', kind: 'node', host: 'x', port: 1, hasKeys: true, nonce: '' };
    for (const [claim, why] of [
      [{ ...hello, hasKeys: false }, 'it has no keys'],
      [hello, 'it has another key'],
    ] as const) {
      for (const proof of ['', undefined, 'AAAA', 5]) {
        const owner = new TestEnd('b', [NEW]);
        const { channel, answerTo } = accepting(owner);
        answerTo(claim);
        answerTo({ verdict: 'join', proof });
        expect(owner.outcomes).toEqual([why]);
        expect(channel.isOpen).toBe(false);
      }
    }
  });

  it('refuses a proof of an earlier handshake, and the own proof that comes back', () => {
    const wire: Buffer[] = [];
    const recorder = {
      channelRead: (ctx: Context, frame: Buffer) => {
        wire.push(Buffer.from(frame));
        ctx.fireChannelRead(frame);
      },
    };
    connectedPair({
      client: ({ pipeline }) =>
        pipeline.addLast(...frames(), new MeshHandshake(new TestEnd('a', [NEW]), 'dialer', 5000)),
      server: ({ pipeline }) =>
        pipeline.addLast(
          ...frames(),
          recorder,
          new MeshHandshake(new TestEnd('b', [NEW]), 'acceptor', 5000),
        ),
    });
    expect(wire).toHaveLength(2);
    const owner = new TestEnd('b', [NEW]);
    const { answerTo } = accepting(owner);
    answerTo(JSON.parse(wire[0]!.toString()));
    answerTo(JSON.parse(wire[1]!.toString()));
    expect(owner.outcomes).toEqual(['it has another key']);

    const mirrored = new TestEnd('b', [NEW]);
    const mirror = accepting(mirrored);
    const answer = mirror.answerTo(JSON.parse(wire[0]!.toString()));
    mirror.answerTo({ verdict: 'join', proof: answer!['proof'] });
    expect(mirrored.outcomes).toEqual(['it has another key']);
  });

  it('does not take an introduction for a join when the verdict is changed on the way', () => {
    const dialer = new TestEnd('b', [NEW], 'introduce');
    const acceptor = new TestEnd('a', [NEW]);
    const changed = {
      channelRead: (ctx: Context, frame: Buffer) =>
        void ctx.fireChannelRead(Buffer.from(frame.toString().replace('introduce', 'join'))),
    };
    connectedPair({
      client: ({ pipeline }) =>
        pipeline.addLast(...frames(), new MeshHandshake(dialer, 'dialer', 5000)),
      server: ({ pipeline }) =>
        pipeline.addLast(...frames(), changed, new MeshHandshake(acceptor, 'acceptor', 5000)),
    });
    expect(acceptor.outcomes).toEqual(['it has another key']);
  });

  it('refuses what is not a greeting, in one line without control characters', () => {
    for (const text of ['GET / HTTP/1.1\r\n', '{}', '{"mesh":2}', '{"mesh":1,"id":"a","port":0}']) {
      const owner = new TestEnd('b');
      const { channel } = accepting(owner);
      channel.writeInbound(Buffer.from(text));
      expect(owner.outcomes).toHaveLength(1);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(owner.outcomes[0]).not.toMatch(/[\x00-\x1f]/);
      expect(channel.isOpen).toBe(false);
    }
  });

  it('closes a connection without a hello in time', () => {
    const { channel } = accepting(new TestEnd('b'));
    channel.advance(4999);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.isOpen).toBe(false);
  });
});
