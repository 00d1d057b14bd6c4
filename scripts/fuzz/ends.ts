// Random programs of writes and ends on both ends of a connection without a socket, in virtual time. After each program must hold:
// what arrived is what was written, bytes whose write succeeded arrived at a peer that reads, a clean end follows everything that
// was flushed, and no end waits for ever.
import assert from 'node:assert';
import { setImmediate } from 'node:timers/promises';
import {
  type Channel,
  type Context,
  connectChannel,
  type Handler,
  MemoryTransport,
  silentLogger,
  type Transport,
  type WriteFuture,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { type PortEvent, type PortLike, PortTransport } from '@headrace/tabs';
import { YamuxHandler } from '@headrace/yamux';
import fc from 'fast-check';

/** Connects a transport to the channel of one side. */
type Connect = (side: 0 | 1, transport: Transport) => Promise<void>;

/** A way to connect two ends. */
export interface EndsTarget {
  readonly name: string;
  /** Runs one program in this many runs of a decoder. @default 1 */
  readonly oneIn?: number;
  readonly open: (connect: Connect, world: World) => Promise<unknown>;
}

/** The time of the ends, and the number of bytes between them. */
interface World {
  readonly clock: VirtualClock;
  readonly capacityBytes: number;
  /** Lets everything happen that needs no time. */
  readonly settle: () => Promise<void>;
}

const NAMES = ['flush', 'end', 'close', 'close', 'shutdown', 'abort', 'hold', 'release'] as const;
type Step =
  | { readonly do: (typeof NAMES)[number]; readonly side: 0 | 1 }
  | { readonly do: 'write' | 'send'; readonly side: 0 | 1; readonly bytes: number };

export interface Program {
  readonly capacityBytes: number;
  readonly allowHalfOpen: readonly [boolean, boolean];
  /** Steps within one call, and the time after the call. */
  readonly calls: readonly { readonly steps: readonly Step[]; readonly thenMs: number }[];
}

const SIDE = fc.constantFrom<0 | 1>(0, 1);
const MAX_BYTES = 300_000;
const MAX_CALLS = 4;
const MAX_STEPS = 8;
const BYTES = fc.oneof(
  fc.integer({ min: 0, max: 100 }),
  fc.integer({ min: 1, max: 60_000 }),
  fc.integer({ min: 1, max: MAX_BYTES }),
);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  // A write of its own for the transport is the most frequent step, because cuts need several of them.
  fc.record({ do: fc.constantFrom('write' as const, 'send' as const), side: SIDE, bytes: BYTES }),
  fc.record({ do: fc.constantFrom(...NAMES), side: SIDE }),
);
const CALL = fc.record({
  steps: fc.array(STEP, { maxLength: MAX_STEPS }),
  thenMs: fc.constantFrom(0, 0, 1, 3000),
});
export const PROGRAM: fc.Arbitrary<Program> = fc.record({
  capacityBytes: fc.constantFrom(1000, 65_536),
  allowHalfOpen: fc.tuple(fc.boolean(), fc.boolean()),
  calls: fc.array(CALL, { maxLength: MAX_CALLS }),
});

/** Longer than each time limit of a channel that ends. */
const SETTLED_MS = 60_000;
/** All bytes of each side. Each byte is known by its place. */
const STREAMS = [0, 1].map((side) =>
  Buffer.from(
    Uint8Array.from(
      { length: MAX_CALLS * MAX_STEPS * MAX_BYTES },
      (_, at) => at * 31 + (at >> 8) + side * 17,
    ),
  ),
);

/** One end, and what is known about it. */
class Side implements Handler {
  channel!: Channel;
  readonly writes: { readonly future: WriteFuture; readonly bytes: number; isFlushed: boolean }[] =
    [];
  written = 0;
  received = 0;
  /** Whether this side no longer wants input. */
  hasLeft = false;
  hasAborted = false;
  hasEnded = false;
  /** Whether reads were held when or after the other side ended. */
  wasHeldAtEnd = false;
  sawEnd = false;
  hold: { release(): void } | undefined = undefined;
  private readonly number: 0 | 1;

  constructor(number: 0 | 1) {
    this.number = number;
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    const expected = STREAMS[1 - this.number]!.subarray(
      this.received,
      this.received + bytes.length,
    );
    assert(bytes.equals(expected), `other bytes than were written, at ${this.received}`);
    this.received += bytes.length;
  }

  channelShutdown(_ctx: Context, direction: string): void {
    if (direction === 'input') this.sawEnd = true;
  }

  exceptionCaught(ctx: Context): void {
    ctx.close();
  }

  get taken(): number {
    return this.writes.reduce((sum, { future, bytes }) => sum + (future.isSuccess ? bytes : 0), 0);
  }

  writeNext(bytes: number): void {
    const piece = STREAMS[this.number]!.subarray(this.written, this.written + bytes);
    const future = this.channel.write(Buffer.from(piece));
    future.onSettled(() => {});
    // A refused write is not a part of the stream.
    if (future.isSettled && !future.isSuccess) return;
    this.written += bytes;
    this.writes.push({ future, bytes, isFlushed: false });
  }

  flushed(): void {
    for (const write of this.writes) write.isFlushed ||= !write.future.isSettled;
  }
}

function execute(step: Step, own: Side, other: Side): void {
  const { channel } = own;
  const isOpen = channel.isOpen && !channel.isEnding;
  switch (step.do) {
    case 'write':
      own.writeNext(step.bytes);
      return;
    case 'send':
      own.writeNext(step.bytes);
      if (isOpen) own.flushed();
      channel.flush();
      return;
    case 'hold':
      own.hold ??= channel.holdReads('fuzz');
      if (other.hasEnded) own.wasHeldAtEnd = true;
      return;
    case 'release':
      own.hold?.release();
      own.hold = undefined;
      return;
    case 'flush':
      if (isOpen) own.flushed();
      channel.flush();
      return;
  }
  own.hasEnded = true;
  if (other.hold !== undefined) other.wasHeldAtEnd = true;
  if (step.do === 'shutdown') {
    channel.shutdown('output').onSettled(() => {});
    return;
  }
  own.hasLeft = true;
  if (step.do === 'end') {
    if (isOpen) own.flushed();
    channel.end();
  } else if (step.do === 'abort') {
    own.hasAborted = true;
    channel.abort();
  } else channel.close();
}

/** Runs a program, and checks what must hold after it. */
export async function runProgram({ open }: EndsTarget, program: Program): Promise<void> {
  const clock = new VirtualClock();
  const sides = [new Side(0), new Side(1)] as const;
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) {
      clock.advance(0);
      await setImmediate();
    }
  };
  const connect: Connect = async (number, transport) => {
    const channel = connectChannel(transport, {
      clock,
      logger: silentLogger,
      allowHalfOpen: program.allowHalfOpen[number],
      maxOutboundBytes: Number.POSITIVE_INFINITY,
      initialize: ({ pipeline }) => void pipeline.addLast(sides[number]),
    });
    await settle();
    sides[number].channel = await channel;
  };
  const { capacityBytes } = program;
  await open(connect, { clock, capacityBytes, settle });
  await settle();
  for (const { steps, thenMs } of program.calls) {
    clock.run(() => {
      for (const step of steps) execute(step, sides[step.side], sides[1 - step.side]!);
    });
    // A peer that reads nothing may be given up.
    if (sides.every(({ hold }) => hold === undefined)) clock.advance(thenMs);
  }
  for (const [number, own] of sides.entries())
    clock.run(() => execute({ do: 'release', side: 0 }, own, sides[1 - number]!));
  await settle();
  clock.advance(SETTLED_MS);
  await settle();
  check(sides[0], sides[1]);
  check(sides[1], sides[0]);
  clock.run(() => {
    for (const { channel } of sides) channel.abort();
  });
}

/** Checks the direction from one side to the other one. */
function check(from: Side, to: Side): void {
  const isFree = !from.hasAborted && !to.hasLeft && !to.wasHeldAtEnd;
  if (isFree) {
    const text = `${to.received} bytes arrived, but writes of ${from.taken} succeeded`;
    assert(to.received >= from.taken, text);
  }
  if (isFree && !from.hasEnded && from.channel.closeInfo?.reason === 'peer') {
    const cut = from.writes.filter(({ future }) => !future.isSuccess);
    assert.equal(cut.length, 0, `the end of the peer's half cut ${cut.length} writes`);
  }
  const isCleanEnd = to.sawEnd || to.channel.closeInfo?.reason === 'peer';
  if (isCleanEnd && !to.hasLeft) {
    const cut = from.writes.filter(({ future, isFlushed }) => isFlushed && !future.isSuccess);
    assert.equal(cut.length, 0, `a clean end, although ${cut.length} flushed writes failed`);
    assert.equal(to.received, from.taken, 'a clean end, and not all that was taken');
  }
  if (!from.channel.isOpen || from.channel.isOutputShutdown) {
    const { isOpen, isInputShutdown } = to.channel;
    assert(!isOpen || isInputShutdown, 'the end of the other side is not seen');
    const mayStayOpen = to.channel.isOutputShutdown === false;
    assert(!isOpen || mayStayOpen, 'both halves have ended, and the channel is open');
  }
}

/** Runs this many programs. Returns the number, and throws with the shortest program that fails. */
export async function fuzzEnds(target: EndsTarget, seed: number, runs: number): Promise<number> {
  const numRuns = Math.ceil(runs / (target.oneIn ?? 1));
  const property = fc.asyncProperty(PROGRAM, (program) => runProgram(target, program));
  const outcome = await fc.check(property, { seed, numRuns });
  if (!outcome.failed) return numRuns;
  const { counterexample, errorInstance: cause } = outcome;
  const text = `${target.name}, ${JSON.stringify(counterexample?.[0])}\n  ${(cause as Error).message}`;
  throw new Error(text, { cause });
}

/** Gives the transports of the peer's substreams away. */
class Catcher extends YamuxHandler {
  transport_: Transport | undefined = undefined;

  protected override accept(transport: Transport): void {
    this.transport_ = transport;
  }
}

/** A port whose messages arrive in a later turn of a virtual clock, once it was started. */
class VirtualPort implements PortLike {
  peer: VirtualPort | undefined = undefined;
  private readonly clock: VirtualClock;
  private readonly listeners = new Set<(event: PortEvent) => void>();
  private readonly early: unknown[] = [];
  private isStarted = false;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  postMessage(data: unknown): void {
    this.clock.nextTurn(() => this.peer?.deliver(data));
  }

  private deliver(data: unknown): void {
    if (!this.isStarted) this.early.push(data);
    else for (const listener of [...this.listeners]) listener({ type: 'message', data });
  }

  addEventListener(name: string, listener: (event: PortEvent) => void): void {
    if (name === 'message') this.listeners.add(listener);
  }

  removeEventListener(_name: string, listener: (event: PortEvent) => void): void {
    this.listeners.delete(listener);
  }

  start(): void {
    this.isStarted = true;
    for (const data of this.early.splice(0)) this.clock.nextTurn(() => this.deliver(data));
  }

  close(): void {}
}

export const ENDS: readonly EndsTarget[] = [
  {
    name: 'ends in memory',
    open: async (connect, { clock, capacityBytes }) => {
      const [one, other] = MemoryTransport.pair({ clock, capacityBytes });
      await Promise.all([connect(0, one), connect(1, other)]);
    },
  },
  {
    name: 'ends of a substream',
    oneIn: 4,
    open: async (connect, { clock, capacityBytes, settle }) => {
      const client = new YamuxHandler({ role: 'client' });
      const server = new Catcher({ role: 'server', childHandler: () => {} });
      const ends = MemoryTransport.pair({ clock, capacityBytes: Math.max(1000, capacityBytes) });
      const below = [client, server].map((handler, at) =>
        connectChannel(ends[at]!, {
          clock,
          logger: silentLogger,
          initialize: ({ pipeline }) => void pipeline.addLast(handler),
        }),
      );
      await settle();
      await Promise.all(below);
      await connect(0, client.transport());
      await settle();
      await connect(1, server.transport_!);
    },
  },
  {
    name: 'ends of a message port',
    open: async (connect, { clock }) => {
      const ports = [new VirtualPort(clock), new VirtualPort(clock)] as const;
      ports[0].peer = ports[1];
      ports[1].peer = ports[0];
      const options = { clock, locks: false, maxMessageBytes: MAX_BYTES } as const;
      await Promise.all([
        connect(0, new PortTransport(ports[0], options)),
        connect(1, new PortTransport(ports[1], options)),
      ]);
    },
  },
];
