import type { Channel, Context, Direction, Handler, WriteFuture } from '../contract.ts';
import type { AnsweringLink, End } from './last-answers-contract.ts';
import type { TestRunner } from './test-runner.ts';

/** A way to open connections whose ends are tested. */
export interface EndsBench {
  /** Name in the titles of the tests. */
  readonly name: string;
  /**
   * Opens a connection with these handlers at its ends. If the connection carries messages other than bytes, add a codec
   * before each handler. The messages have at most 60,000 bytes.
   */
  readonly open: (near: End, far: End) => Promise<AnsweringLink>;
  /** Whether the channel finds out that the peer reads nothing, see `outboundStallMs`. @default true */
  readonly noticesStalls?: boolean;
}

/** A piece that each transport under test accepts as one message. */
const PIECE = Buffer.alloc(60_000, 'abcdefghijklmnop');
/** Number of pieces that no kernel and no window takes while the peer does not read. */
const PIECES = 280;
const ANSWER_BYTES = PIECES * PIECE.length;
/** Writes that no limit of a channel refuses. */
const UNLIMITED = { maxOutboundBytes: Number.POSITIVE_INFINITY } as const;

/**
 * Adds tests of how a connection ends while output is under way. Bytes whose write succeeded reach a peer that reads, no matter
 * which side ends the connection. The peer's end of its half does not cut output that was written before: it is sent, then the
 * end, within a time limit. `describeTransport` includes these tests. Call this function for channels of messages such as WebSockets.
 */
export function describeEnds(runner: TestRunner, bench: EndsBench): void {
  runner.describe(`the end while output is under way: ${bench.name}`, () =>
    testEnds(runner, bench),
  );
}

/** Adds the tests of {@link describeEnds} without a group. */
export function testEnds({ it, expect }: TestRunner, bench: EndsBench): void {
  for (const isFar of [true, false]) {
    const who = isFar ? 'far' : 'near';

    it(`the ${who} end sends a long answer whose question came with the peer's end`, async () => {
      const answering = new Answerer((ctx) => writeAnswer(ctx));
      await withEnds(bench, isFar, answering, async ({ ours, peer, seen }) => {
        const hold = peer.holdReads('contract');
        ask(peer);
        await turns(20);
        hold.release();
        await seen.closed;
        expect(seen.bytes).toBe(ANSWER_BYTES);
        await ours.closed;
        expect([ours.closeInfo?.reason, ours.closeInfo?.by]).toEqual(['peer', 'peer']);
        expect(answering.last?.isSuccess).toBe(true);
      });
    });

    it(`the ${who} end sends what a write has taken, although close() cuts the next write`, async () => {
      const answering = new Answerer((ctx) => {
        const first = ctx.writeAndFlush(PIECE);
        const last = writeAnswer(ctx);
        answering.hasTaken = first.isSuccess;
        ctx.close();
        return last;
      });
      await withEnds(bench, isFar, answering, async ({ peer, seen }) => {
        peer.writeAndFlush(QUESTION).onSettled(() => {});
        await seen.closed;
        expect(seen.bytes >= (answering.hasTaken ? PIECE.length : 0)).toBe(true);
      });
    });

    for (const readsLater of [false, true]) {
      const reader = readsLater ? ' to a peer that reads later' : '';
      it(`the ${who} end sends what a write took in an earlier turn${reader}, although close() cuts the next write`, async () => {
        const answering = new Answerer((ctx) => {
          const first = ctx.writeAndFlush(PIECE);
          first.onSettled(() => {
            writeAnswer(ctx);
            ctx.close();
          });
          return first;
        });
        await withEnds(bench, isFar, answering, async ({ ours, peer, seen }) => {
          const hold = readsLater ? peer.holdReads('contract') : undefined;
          peer.writeAndFlush(QUESTION).onSettled(() => {});
          // A transport without a buffer takes nothing before the peer reads.
          if (readsLater) await turns(20);
          hold?.release();
          await ours.closed;
          await seen.closed;
          expect(answering.last?.isSuccess).toBe(true);
          expect(seen.bytes >= PIECE.length).toBe(true);
        });
      });
    }

    if (bench.noticesStalls === false) continue;
    it(`the ${who} end does not wait for ever for a peer that has ended its half and reads nothing`, async () => {
      const answering = new Answerer((ctx) => writeAnswer(ctx));
      await withEnds(bench, isFar, answering, async ({ ours, peer, seen }) => {
        const hold = peer.holdReads('contract');
        ask(peer);
        const { reason } = await ours.closed;
        expect(reason).toBe('slow-consumer');
        expect(answering.last?.isSuccess).toBe(false);
        hold.release();
        await seen.closed;
        expect(seen.bytes).toBeLessThan(ANSWER_BYTES);
      });
    });
  }
}

const QUESTION = Buffer.from('question');

/** Sends a question, and ends the output. */
function ask(channel: Channel): void {
  channel.write(QUESTION).onSettled(() => {});
  channel.flush();
  channel.shutdown('output').onSettled(() => {});
}

/** Writes more than the connection takes at once. Returns the future of the last write. */
function writeAnswer(ctx: Context): WriteFuture {
  for (let piece = 1; piece < PIECES; piece++) ctx.writeAndFlush(PIECE).onSettled(() => {});
  const last = ctx.writeAndFlush(PIECE);
  last.onSettled(() => {});
  return last;
}

interface Ends {
  /** The end that answers. */
  readonly ours: Channel;
  readonly peer: Channel;
  /** What the peer has read. */
  readonly seen: Counter;
}

async function withEnds(
  bench: EndsBench,
  isFar: boolean,
  answering: Answerer,
  body: (ends: Ends) => Promise<void>,
): Promise<void> {
  const seen = new Counter();
  const ours: End = { options: { ...UNLIMITED, outboundStallMs: 300 }, handler: answering };
  const peers: End = { options: { allowHalfOpen: true }, handler: seen };
  const link = isFar ? await bench.open(peers, ours) : await bench.open(ours, peers);
  const [one, two] = isFar ? [link.far, link.near] : [link.near, link.far];
  try {
    await body({ ours: one, peer: two, seen });
  } finally {
    await link.close();
  }
}

/** A handler that answers the first message. */
class Answerer implements Handler {
  last: WriteFuture | undefined = undefined;
  hasTaken = false;
  private readonly answer: (ctx: Context) => WriteFuture;

  constructor(answer: (ctx: Context) => WriteFuture) {
    this.answer = answer;
  }

  channelRead(ctx: Context): void {
    this.last ??= this.answer(ctx);
  }

  exceptionCaught(ctx: Context): void {
    ctx.close();
  }
}

/** A handler that counts the bytes that it reads until the channel has closed. */
class Counter implements Handler {
  bytes = 0;
  readonly closed: Promise<void>;
  private settle: () => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.bytes += bytes.length;
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') ctx.close();
  }

  channelUnregistered(): void {
    this.settle();
  }

  exceptionCaught(ctx: Context): void {
    ctx.close();
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((next) => setImmediate(next));
}
