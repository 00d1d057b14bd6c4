import type { WriteFuture } from '../contract.ts';
import { ChannelError, EncodeError, toError } from '../errors.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import type { Transport } from '../transport/transport.ts';
import { bytesOf, ENTRY_OVERHEAD_BYTES, joinMessages, Segment } from './output-segment.ts';

/** How much goes to the transport in one write when a backlog drains. */
const MAX_WRITE_BYTES = 256 * 1024;

/** What the buffer needs of its channel. */
export interface OutboundOwner {
  readonly writeBufferLowBytes: number;
  readonly writeBufferHighBytes: number;
  readonly maxOutboundBytes: number;
  /** `isWritable` may have changed. */
  pendingBytesChanged(): void;
  /** More waits than allowed. */
  outboundFull(): void;
  /** A failed future is reported if nobody looks at it. */
  reportFailure(future: SettableFuture, error: Error): void;
}

/** A chain of segments that were flushed. */
interface Gate {
  first: Segment | undefined;
  last: Segment | undefined;
}

/**
 * The output of one channel, in order: in flight, flushed, unflushed; each a chain of segments. A future
 * succeeds when its segment was handed to the kernel; it fails when the channel closes before that. Node's
 * own write callback is not asked: after `destroy()` it reports success for bytes that never left.
 */
export class OutboundBuffer {
  transport: Transport;
  private readonly owner: OutboundOwner;
  private inFlight: Segment | undefined = undefined;
  private flushed: Segment | undefined = undefined;
  private lastFlushed: Segment | undefined = undefined;
  private unflushed: Segment | undefined = undefined;
  private lastUnflushed: Segment | undefined = undefined;
  private isFlushing = false;
  /** Flushed, but kept until {@link release}: the transport is being replaced. */
  private gate: Gate | undefined = undefined;
  /** What later writes fail with. */
  private refusal: Error | undefined = undefined;
  private isOver = false;
  pendingBytes = 0;
  /** Counts what the transport took. */
  progress = 0;

  constructor(transport: Transport, owner: OutboundOwner) {
    this.transport = transport;
    this.owner = owner;
  }

  get isEmpty(): boolean {
    return this.unflushed === undefined && !this.hasFlushed;
  }

  get hasFlushed(): boolean {
    return this.flushed !== undefined || this.inFlight !== undefined;
  }

  /** True once all that was flushed before {@link hold} has been taken. */
  get isDrained(): boolean {
    return !this.hasFlushed && !this.isFlushing;
  }

  get isHeld(): boolean {
    return this.gate !== undefined;
  }

  /** What is flushed from now on waits for {@link release}; what was flushed before still goes out. */
  hold(): void {
    this.gate = { first: undefined, last: undefined };
  }

  release(): void {
    const { first, last } = this.gate!;
    this.gate = undefined;
    this.flushed = first;
    this.lastFlushed = last;
    this.drain(undefined);
  }

  add(message: unknown, signal: AbortSignal | undefined): WriteFuture {
    if (this.refusal !== undefined) return this.failed(this.refusal);
    const size = this.transport.sizeOf(message);
    if (size < 0) return this.failed(notEncodable(message, this.transport.accepts));
    if (this.pendingBytes > this.owner.maxOutboundBytes) return this.full();
    const cost = size + ENTRY_OVERHEAD_BYTES;
    this.pendingBytes += cost;
    let segment = this.lastUnflushed;
    if (signal !== undefined) segment = this.cancellable(message, signal);
    else if (segment === undefined || segment.isSealed) segment = this.append(message);
    else segment.push(message);
    segment.cost += cost;
    if (this.pendingBytes > this.owner.writeBufferHighBytes) this.owner.pendingBytesChanged();
    return segment;
  }

  /** Sends all that has been written so far; a call from within a flush is picked up by the outer one. */
  flush(): void {
    const { unflushed } = this;
    if (unflushed === undefined) {
      if (this.flushed !== undefined) this.drain(undefined);
      return;
    }
    const last = this.lastUnflushed;
    this.unflushed = this.lastUnflushed = undefined;
    if (this.gate !== undefined) {
      if (this.gate.first === undefined) this.gate.first = unflushed;
      else this.gate.last!.next = unflushed;
      this.gate.last = last;
      return;
    }
    if (unflushed === last && !this.isFlushing && !this.hasFlushed) {
      // As nearly always: nothing waits before it.
      this.drain(unflushed);
      return;
    }
    if (this.flushed === undefined) this.flushed = unflushed;
    else this.lastFlushed!.next = unflushed;
    this.lastFlushed = last;
    this.drain(undefined);
  }

  /** The transport has taken all that was in flight. */
  written(): void {
    const taken = this.inFlight;
    if (taken === undefined) return;
    this.inFlight = undefined;
    // What listeners write and flush meanwhile waits for the others to be told.
    this.isFlushing = true;
    try {
      this.settle(taken);
    } finally {
      this.isFlushing = false;
    }
    this.drain(undefined);
  }

  /** Our half is being shut down: what was flushed still goes out, the rest and all later writes fail. */
  refuse(error: Error): void {
    this.refusal = error;
    this.failUnflushed(error);
  }

  /** The channel is closed: fails the flushed messages with one error, the rest and later writes with another. */
  end(flushedError: Error, unflushedError: Error): void {
    this.refusal = unflushedError;
    this.isOver = true;
    const { inFlight, flushed, gate } = this;
    this.inFlight = this.flushed = this.lastFlushed = this.gate = undefined;
    this.failAll(inFlight, flushedError);
    this.failAll(flushed, flushedError);
    this.failAll(gate?.first, flushedError);
    this.failUnflushed(unflushedError);
    this.pendingBytes = 0;
  }

  /** Fails what no flush has touched yet. */
  failUnflushed(error: Error): void {
    const segments = this.unflushed;
    this.unflushed = this.lastUnflushed = undefined;
    this.failAll(segments, error);
  }

  /** Sends this batch, if any, and then what was flushed, until the transport is busy. */
  private drain(first: Segment | undefined): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    let failure: unknown;
    let batch = first ?? this.nextBatch();
    while (batch !== undefined) {
      try {
        this.sendNext(batch);
      } catch (thrown) {
        // What was flushed behind it still goes out: nobody flushes it again.
        failure ??= thrown;
      }
      batch = this.nextBatch();
    }
    this.isFlushing = false;
    if (failure !== undefined) throw failure;
  }

  private nextBatch(): Segment | undefined {
    const { flushed } = this;
    return this.inFlight === undefined && flushed !== undefined
      ? this.takeBatch(flushed)
      : undefined;
  }

  private sendNext(batch: Segment): void {
    if (this.sendOrFail(batch)) this.settle(batch);
    else if (!this.isOver) this.inFlight = batch;
    else {
      this.failAll(batch, this.refusal!);
      this.pendingBytes = 0;
    }
  }

  /** As many segments as fit one write, the first one in any case. */
  private takeBatch(first: Segment): Segment {
    let last = first;
    let bytes = first.cost;
    while (last.next !== undefined && bytes + last.next.cost <= MAX_WRITE_BYTES) {
      last = last.next;
      bytes += last.cost;
    }
    this.flushed = last.next;
    if (last.next === undefined) this.lastFlushed = undefined;
    last.next = undefined;
    return first;
  }

  /** A message that cannot write itself as bytes throws here: nothing of its batch has left. */
  private sendOrFail(batch: Segment): boolean {
    try {
      return this.send(batch);
    } catch (thrown) {
      this.failAll(batch, toError(thrown));
      if (!this.isOver) this.owner.pendingBytesChanged();
      throw thrown;
    }
  }

  private send(batch: Segment): boolean {
    if (batch.next !== undefined) return this.transport.write(joinMessages(batch), bytesOf(batch));
    const all = batch.messages();
    if (all !== undefined) return this.transport.write(all, batch.bytes);
    const one = spareOne ?? [undefined];
    spareOne = undefined;
    one[0] = batch.only;
    try {
      return this.transport.write(one, batch.bytes);
    } finally {
      one[0] = undefined;
      spareOne = one;
    }
  }

  private settle(segments: Segment): void {
    this.progress += 1;
    for (let segment: Segment | undefined = segments; segment !== undefined; ) {
      const next: Segment | undefined = segment.next;
      this.pendingBytes -= segment.cost;
      segment.release();
      segment.succeed();
      segment = next;
    }
    if (this.isOver) this.pendingBytes = 0;
    else this.owner.pendingBytesChanged();
  }

  private append(message: unknown): Segment {
    const segment = new Segment(message);
    if (this.lastUnflushed === undefined) this.unflushed = segment;
    else this.lastUnflushed.next = segment;
    this.lastUnflushed = segment;
    return segment;
  }

  private cancellable(message: unknown, signal: AbortSignal): Segment {
    const segment = this.append(message);
    segment.seal();
    const onAbort = () => this.cancel(segment, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    segment.peekSettled(() => signal.removeEventListener('abort', onAbort));
    return segment;
  }

  /** Takes a write back that was not flushed yet. */
  private cancel(segment: Segment, signal: AbortSignal): void {
    let before: Segment | undefined;
    let at = this.unflushed;
    while (at !== undefined && at !== segment) {
      before = at;
      at = at.next;
    }
    if (at === undefined) return;
    if (before === undefined) this.unflushed = at.next;
    else before.next = at.next;
    if (at === this.lastUnflushed) this.lastUnflushed = before;
    this.pendingBytes -= segment.cost;
    segment.release();
    segment.fail(abortedError(signal));
    this.owner.pendingBytesChanged();
  }

  private failAll(segments: Segment | undefined, error: Error): void {
    for (let segment = segments; segment !== undefined; ) {
      const next: Segment | undefined = segment.next;
      this.pendingBytes -= segment.cost;
      segment.release();
      segment.fail(error);
      this.owner.reportFailure(segment, error);
      segment = next;
    }
  }

  private full(): WriteFuture {
    const error = new ChannelError(
      'OUTBOUND_FULL',
      `${this.pendingBytes} bytes of output wait, more than maxOutboundBytes (${this.owner.maxOutboundBytes}): the peer reads too slowly; heed isWritable, or raise the limit`,
      { pendingBytes: this.pendingBytes, maxOutboundBytes: this.owner.maxOutboundBytes },
    );
    const future = this.failed(error);
    this.owner.outboundFull();
    return future;
  }

  private failed(error: Error): WriteFuture {
    const future = SettableFuture.failed(error);
    this.owner.reportFailure(future, error);
    return future;
  }
}

/** The array for a write of one message; taken while it is in use. */
let spareOne: unknown[] | undefined;

/** What a write fails with when its signal aborted first. */
export function abortedError(signal: AbortSignal): ChannelError {
  return new ChannelError(
    'OPERATION_ABORTED',
    'the write was cancelled before it was flushed',
    {},
    signal.reason,
  );
}

function notEncodable(message: unknown, accepts: string): EncodeError {
  const type =
    typeof message === 'object' ? (message?.constructor?.name ?? 'object') : typeof message;
  return new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `the transport takes ${accepts}, but a ${type} reached it: is an encoder missing?`,
    { type },
  );
}
