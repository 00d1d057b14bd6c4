// Walk 6: what was written and not yet taken by the kernel. It owns the bytes and fails what is left on close. Next: packages/core/src/transport/transport.ts
import type { WriteFuture } from '../contract.ts';
import { ChannelError, EncodeError } from '../errors.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import type { Transport } from '../transport/transport.ts';

/** Counted for each waiting message on top of its bytes, so that many tiny writes do not under-count memory. */
export const ENTRY_OVERHEAD_BYTES = 64;
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

/** Messages that share one future: the writes of one flush, or one write that can be cancelled. */
interface Segment {
  readonly future: SettableFuture;
  readonly messages: unknown[];
  /** Bytes and overhead. */
  cost: number;
  /** True when the next write must not join it. */
  sealed: boolean;
}

/**
 * The output of one channel, in order: unflushed, flushed, in flight. A future succeeds when its segment
 * was handed to the kernel; it fails when the channel closes before that. Node's own write callback is not
 * asked: after `destroy()` it reports success for bytes that never left.
 */
export class OutboundBuffer {
  private readonly transport: Transport;
  private readonly owner: OutboundOwner;
  private unflushed: Segment[] = EMPTY;
  private flushed: Segment[] = EMPTY;
  private inFlight: Segment[] = EMPTY;
  private isFlushing = false;
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
    return this.unflushed.length === 0 && this.flushed.length === 0 && this.inFlight.length === 0;
  }

  get hasFlushed(): boolean {
    return this.flushed.length > 0 || this.inFlight.length > 0;
  }

  add(message: unknown, signal: AbortSignal | undefined): WriteFuture {
    if (this.refusal !== undefined) return this.failed(this.refusal);
    const size = this.transport.sizeOf(message);
    if (size < 0) return this.failed(notEncodable(message, this.transport.accepts));
    if (this.pendingBytes > this.owner.maxOutboundBytes) {
      const error = new ChannelError(
        'OUTBOUND_FULL',
        `${this.pendingBytes} bytes of output wait, more than maxOutboundBytes (${this.owner.maxOutboundBytes}): the peer reads too slowly; heed isWritable, or raise the limit`,
        { pendingBytes: this.pendingBytes, maxOutboundBytes: this.owner.maxOutboundBytes },
      );
      const future = this.failed(error);
      this.owner.outboundFull();
      return future;
    }
    const segment = signal === undefined ? this.openSegment() : this.cancellable(signal);
    segment.messages.push(message);
    segment.cost += size + ENTRY_OVERHEAD_BYTES;
    this.pendingBytes += size + ENTRY_OVERHEAD_BYTES;
    if (this.pendingBytes > this.owner.writeBufferHighBytes) this.owner.pendingBytesChanged();
    return segment.future;
  }

  /** Sends all that has been written so far; a call from within a flush is picked up by the outer one. */
  flush(): void {
    if (this.unflushed.length > 0) {
      if (this.flushed.length === 0) this.flushed = this.unflushed;
      else this.flushed.push(...this.unflushed);
      this.unflushed = EMPTY;
    }
    if (this.flushed.length > 0) this.drain();
  }

  /** The transport has taken all that was in flight. */
  written(): void {
    if (this.inFlight.length === 0) return;
    const taken = this.inFlight;
    this.inFlight = EMPTY;
    this.settle(taken);
    this.drain();
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
    const flushed = this.inFlight.concat(this.flushed);
    this.inFlight = this.flushed = EMPTY;
    for (const segment of flushed) this.failSegment(segment, flushedError);
    this.failUnflushed(unflushedError);
    this.pendingBytes = 0;
  }

  /** Fails what no flush has touched yet. */
  failUnflushed(error: Error): void {
    const segments = this.unflushed;
    this.unflushed = EMPTY;
    for (const segment of segments) {
      this.pendingBytes -= segment.cost;
      this.failSegment(segment, error);
    }
  }

  private drain(): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    try {
      while (this.inFlight.length === 0 && this.flushed.length > 0) {
        const batch = this.takeBatch();
        const messages = batch.length === 1 ? batch[0]!.messages : joinMessages(batch);
        if (this.transport.write(messages)) this.settle(batch);
        else if (this.isOver) for (const segment of batch) this.failSegment(segment, this.refusal!);
        else this.inFlight = batch;
      }
    } finally {
      this.isFlushing = false;
    }
  }

  /** As many segments as fit one write, the first one in any case. */
  private takeBatch(): Segment[] {
    const all = this.flushed;
    if (all.length === 1) {
      this.flushed = EMPTY;
      return all;
    }
    let count = 0;
    let bytes = 0;
    while (count < all.length && (count === 0 || bytes + all[count]!.cost <= MAX_WRITE_BYTES)) {
      bytes += all[count]!.cost;
      count += 1;
    }
    this.flushed = count === all.length ? EMPTY : all.slice(count);
    return count === all.length ? all : all.slice(0, count);
  }

  private settle(segments: readonly Segment[]): void {
    this.progress += 1;
    for (const segment of segments) {
      this.pendingBytes -= segment.cost;
      segment.future.succeed();
    }
    if (this.isOver) this.pendingBytes = 0;
    else this.owner.pendingBytesChanged();
  }

  private openSegment(): Segment {
    const last = this.unflushed[this.unflushed.length - 1];
    if (last !== undefined && !last.sealed) return last;
    return this.addSegment(false);
  }

  private addSegment(sealed: boolean): Segment {
    const segment: Segment = { future: new SettableFuture(), messages: [], cost: 0, sealed };
    if (this.unflushed === EMPTY) this.unflushed = [segment];
    else this.unflushed.push(segment);
    return segment;
  }

  private cancellable(signal: AbortSignal): Segment {
    const segment = this.addSegment(true);
    const onAbort = () => this.cancel(segment, signal);
    signal.addEventListener('abort', onAbort, { once: true });
    segment.future.peekSettled(() => signal.removeEventListener('abort', onAbort));
    return segment;
  }

  /** Takes a write back that was not flushed yet. */
  private cancel(segment: Segment, signal: AbortSignal): void {
    const index = this.unflushed.indexOf(segment);
    if (index < 0) return;
    this.unflushed.splice(index, 1);
    this.pendingBytes -= segment.cost;
    segment.future.fail(abortedError(signal));
    this.owner.pendingBytesChanged();
  }

  private failSegment(segment: Segment, error: Error): void {
    segment.future.fail(error);
    this.owner.reportFailure(segment.future, error);
  }

  private failed(error: Error): WriteFuture {
    const future = SettableFuture.failed(error);
    this.owner.reportFailure(future, error);
    return future;
  }
}

/** Shared by all idle buffers; never written to. */
const EMPTY: Segment[] = [];
Object.freeze(EMPTY);

function joinMessages(segments: readonly Segment[]): unknown[] {
  const messages: unknown[] = [];
  for (const segment of segments) for (const message of segment.messages) messages.push(message);
  return messages;
}

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
