// The output owns the messages that the kernel has not accepted yet. At the close it fails the remaining messages.
//
// A write's way:  unflushed ──flush──▶ flushed ──the transport is free──▶ in flight ──written()──▶ its future succeeds
//                                         ▲
//                                        gate: messages flushed before the connection is up, or while the channel
//                                        changes its transport
//
// The half's life:  OPEN ──shutDown()──▶ ENDING ──all sent──▶ ENDED ──outputEnded()──▶ SHUT
//                     └──────────────────────┴────── close() ────────┴───────────────────────┴──▶ OVER
import { releaseSource } from '../call/given-source.ts';
import { onAbort } from '../call/on-abort.ts';
import type { Clock } from '../contract/clock.ts';
import type { CloseReason } from '../contract/connection.ts';
import type { Channel, WriteFuture } from '../contract.ts';
import { ChannelError, toError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { ENTRY_OVERHEAD_BYTES } from '../queue/entry-overhead.ts';
import { systemClock } from '../time/system-clock.ts';
import { keepIfForeign } from '../transport/read-loan.ts';
import type { Transport } from '../transport/transport.ts';
import type { ChannelEnding } from './channel-ending.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { FlushWatch, type UnflushedOutput } from './flush-watch.ts';
import { abortedError, notEncodable, outboundFull, outputShutdown } from './output-errors.ts';
import {
  bytesOf,
  handedOver,
  joinMessages,
  Segment,
  SegmentChain,
  unpinAll,
} from './output-segment.ts';
import { type StallOwner, StallWatch } from './stall-watch.ts';
import { UnobservedFailures } from './unobserved-failures.ts';
import { Writability } from './writability.ts';

/** Writes are accepted. */
const OPEN = 0;
/** Writes are refused. Messages that were flushed earlier are still sent. */
const ENDING = 1;
/** The transport is ending the output half. */
const ENDED = 2;
/** The transport has ended the output half. */
const SHUT = 3;
/** The channel is closed. */
const OVER = 4;

/**
 * The outputs that are writing the parts of one message. The first output is the outermost. One list serves all
 * connections.
 */
const writingTogether: ChannelOutput[] = [];
const flushWatch: FlushWatch = new FlushWatch(systemClock);

/** The parts of a channel that its output uses. */
export interface OutputOwner {
  readonly isOpen: boolean;
  readonly isActive: boolean;
  readonly channel: Channel;
  readonly clock: Clock;
  readonly options: ResolvedChannelOptions;
  readonly ending: Pick<ChannelEnding, 'closedError' | 'failure' | 'ours'>;
  readonly pipeline: {
    fireChannelWritabilityChanged(): void;
    fireExceptionCaught(error: Error): void;
  };
  /** Closes the channel because its output is stuck or full. */
  closeAs(reason: CloseReason): void;
  outputIsShut(): void;
  /** Called with the first failure of a write that nothing observed. */
  writeFailed(error: Error): void;
  /** Called when no flushed output is waiting. */
  outputDrained(): void;
}

/**
 * The output of one channel, in order: in flight, flushed, unflushed. Each part is a chain of segments. A future
 * succeeds when its segment has been handed to the kernel, and fails if the channel closes earlier. Node's own write
 * callback is not used: after `destroy()` the callback reports success for bytes that were never sent.
 */
export class ChannelOutput implements StallOwner, UnflushedOutput {
  transport: Transport;
  private readonly owner: OutputOwner;
  private readonly options: ResolvedChannelOptions;
  private inFlight: Segment | undefined = undefined;
  private flushed: SegmentChain | undefined = undefined;
  private unflushed: Segment | undefined = undefined;
  private lastUnflushed: Segment | undefined = undefined;
  /** Bytes and overhead of all three chains. */
  private queuedBytes = 0;
  /** Number of writes that the transport has accepted. */
  private taken = 0;
  private phase = OPEN;
  private isFlushing = false;
  // Most connections need few of these objects, and there can be very many connections.
  private writability: Writability | undefined = undefined;
  private unseen: UnobservedFailures | undefined = undefined;
  private gate: SegmentChain | undefined = undefined;
  private shutFuture: SettableFuture | undefined = undefined;
  private stall: StallWatch | undefined = undefined;
  private signal: AbortSignal | undefined = undefined;
  /** The error of refused writes, made for the first of them. */
  private refusal: Error | undefined = undefined;

  constructor(transport: Transport, owner: OutputOwner) {
    this.transport = transport;
    this.owner = owner;
    this.options = owner.options;
  }

  // --- state ---

  get isEnding(): boolean {
    return this.phase !== OPEN;
  }

  get isShut(): boolean {
    return this.phase >= SHUT;
  }

  get pendingBytes(): number {
    return this.queuedBytes + (this.writability?.heldBytes ?? 0);
  }

  /** Whether the transport has got all messages. It may not have sent them. */
  get isHandedOver(): boolean {
    if (this.queuedBytes === 0) return (this.writability?.heldBytes ?? 0) === 0;
    const isQueued = this.unflushed !== undefined || this.flushed?.first !== undefined;
    return !isQueued && this.gate === undefined && (this.writability?.heldBytes ?? 0) === 0;
  }

  get isWritable(): boolean {
    const { writability } = this;
    return (writability === undefined || writability.isWritable) && this.owner.isOpen;
  }

  get bytesBeforeUnwritable(): number {
    if (this.writability?.isWritable === false) return 0;
    return this.options.writeBufferHighBytes - this.pendingBytes + 1;
  }

  get bytesBeforeWritable(): number {
    if (this.writability?.isWritable !== false) return 0;
    return this.pendingBytes - this.options.writeBufferLowBytes + 1;
  }

  get progress(): number {
    return this.taken * 2 ** 32 - this.transport.unsentBytes;
  }

  private get hasFlushed(): boolean {
    return this.inFlight !== undefined || this.flushed?.first !== undefined;
  }

  // --- writes and flushes ---

  write(message: unknown): WriteFuture {
    const { transport, options } = this;
    const size = transport.sizeOf(message);
    if (this.phase !== OPEN || size < 0 || this.queuedBytes > options.maxOutboundBytes) {
      return this.refuse(message, size);
    }
    keepIfForeign(message, this.owner);
    const cost = size + ENTRY_OVERHEAD_BYTES;
    this.queuedBytes += cost;
    let segment = this.lastUnflushed;
    if (segment === undefined || segment.isSealed || this.signal !== undefined) {
      segment = this.append(message);
    } else segment.push(message);
    segment.cost += cost;
    if (this.queuedBytes > options.writeBufferHighBytes) this.overHighMark();
    else if (this.writability !== undefined) this.checkHeld(this.writability);
    return segment;
  }

  private refuse(message: unknown, size: number): WriteFuture {
    void releaseSource(message);
    if (this.phase !== OPEN) return this.failedWrite(this.refusalError());
    if (size < 0) return this.failedWrite(notEncodable(message, this.transport.accepts));
    const { maxOutboundBytes } = this.options;
    const future = this.failedWrite(outboundFull(this.queuedBytes, maxOutboundBytes));
    // No part of a refused datagram is sent, so the other datagrams stay whole.
    if (this.transport.connectionless === undefined) this.owner.closeAs('slow-consumer');
    return future;
  }

  /** Calls `write`. Until their flush, the signal takes back the messages that reach the output during this call. */
  writeWithSignal(signal: AbortSignal, message: unknown, write: () => WriteFuture): WriteFuture {
    if (signal.aborted) {
      void releaseSource(message);
      return this.failedWrite(abortedError(signal));
    }
    const outer = this.signal;
    this.signal = signal;
    try {
      return write();
    } finally {
      this.signal = outer;
    }
  }

  /** Calls `write`, and does not announce a change of the writability before `write` has returned. */
  writeTogether(write: () => WriteFuture): WriteFuture {
    writingTogether.push(this);
    try {
      return write();
    } finally {
      writingTogether.pop();
      this.pendingChanged();
    }
  }

  flush(): void {
    // The gate keeps the messages until the connection is up.
    if (!this.owner.isActive && this.unflushed !== undefined) this.gate ??= new SegmentChain();
    try {
      this.flushAll();
    } finally {
      if (this.hasFlushed) this.watchForStall();
      else if (this.phase !== OPEN || this.gate !== undefined) this.drained();
    }
  }

  /**
   * Settles the messages in flight, which the transport has accepted.
   *
   * @param failures - errors of independent messages that the transport refused, by their places
   */
  written(failures?: ReadonlyMap<number, Error>): void {
    const { inFlight } = this;
    if (inFlight !== undefined) {
      this.inFlight = undefined;
      // Messages that listeners write and flush wait until all listeners were notified.
      this.isFlushing = true;
      try {
        this.settle(inFlight, failures);
      } finally {
        this.isFlushing = false;
      }
      this.drainFromLoop();
    }
    this.drained();
  }

  // --- the end ---

  /** Shuts down the output half after the flushed messages. The unflushed messages and all later writes fail. */
  shutDown(): WriteFuture {
    if (!this.owner.isOpen)
      return this.failedWrite(new ChannelError('CHANNEL_CLOSED', 'the channel is closed'));
    if (this.shutFuture !== undefined) return this.shutFuture;
    if (this.phase === SHUT) return SettableFuture.succeeded();
    this.shutFuture = new SettableFuture();
    this.phase = ENDING;
    if (this.unflushed !== undefined) this.failUnflushed(this.refusalError());
    this.drained();
    return this.shutFuture;
  }

  ended(): void {
    if (this.phase >= SHUT) return;
    this.phase = SHUT;
    this.shutFuture?.succeed();
    this.owner.outputIsShut();
  }

  /**
   * Ends the output of a closed channel: all waiting messages and all later writes fail.
   *
   * @param failure - error of the transport, with which flushed messages fail
   */
  close(failure: Error | undefined): void {
    this.phase = OVER;
    this.refusal = undefined;
    this.stall?.end();
    if (this.shutFuture?.isSettled === false) this.shutFuture.fail(this.refusalError());
    const { inFlight, flushed, gate } = this;
    this.inFlight = this.flushed = this.gate = undefined;
    this.failFlushed(inFlight, failure);
    this.failFlushed(flushed?.first, failure);
    this.failFlushed(gate?.first, failure);
    if (this.unflushed !== undefined) this.failUnflushed(this.refusalError());
    this.queuedBytes = 0;
    this.writability?.callListeners();
  }

  /**
   * Ends the half or reports the drain, if no flushed output waits. During a flush, the end waits for that flush. The
   * transport is asked once.
   */
  private drained(): void {
    if (this.hasFlushed || !this.owner.isOpen) return;
    if (this.phase === ENDING && this.gate === undefined) {
      this.phase = ENDED;
      const { ending } = this.owner;
      this.transport.shutdownOutput(ending.ours(ending.failure));
    }
    if (this.gate !== undefined) this.owner.outputDrained();
  }

  /** Makes the error for the first refused write, because most channels close without one. */
  private refusalError(): Error {
    this.refusal ??= this.phase === OVER ? this.owner.ending.closedError() : outputShutdown();
    return this.refusal;
  }

  // --- before the connection is up, and while the transport changes ---

  /** Whether flushed messages wait for {@link release}. */
  get isHolding(): boolean {
    return this.gate !== undefined;
  }

  /** Whether the transport has accepted all output that was flushed before {@link hold}. */
  get isDrained(): boolean {
    return !this.hasFlushed && !this.isFlushing;
  }

  /**
   * Makes messages that are flushed from now on wait for {@link release}. Messages that were flushed earlier are
   * still sent.
   */
  hold(): void {
    this.gate = new SegmentChain();
  }

  release(): void {
    this.flushed = this.gate;
    this.gate = undefined;
    this.drainFromLoop();
    if (this.hasFlushed) this.watchForStall();
    else this.drained();
  }

  // --- limits and writability ---

  onceWritable(listener: () => void): void {
    if (this.isWritable || !this.owner.isOpen) listener();
    else this.writability!.once(listener);
  }

  addHeldBytes(delta: number): void {
    this.writability ??= new Writability(this.owner);
    this.writability.hold(delta, this.queuedBytes);
  }

  private overHighMark(): void {
    this.writability ??= new Writability(this.owner);
    this.pendingChanged();
  }

  /** Updates the writability, because the bytes that handlers hold also count. */
  private checkHeld({ heldBytes }: Writability): void {
    if (heldBytes > 0) this.pendingChanged();
  }

  private pendingChanged(): void {
    if (writingTogether.length > 0 && writingTogether.includes(this)) return;
    this.writability?.queued(this.queuedBytes);
  }

  private watchForStall(): void {
    const { outboundStallMs } = this.options;
    if (outboundStallMs === Number.POSITIVE_INFINITY) return;
    if (this.transport.connectionless !== undefined) return;
    this.stall ??= new StallWatch(this, outboundStallMs);
    this.stall.begin();
  }

  get clock(): Clock {
    return this.owner.clock;
  }

  get channel(): Channel {
    return this.owner.channel;
  }

  get firstUnflushed(): object | undefined {
    return this.unflushed;
  }

  get unflushedCount(): number {
    let count = 0;
    for (let segment = this.unflushed; segment !== undefined; segment = segment.next) {
      count += segment.messageCount;
    }
    return count;
  }

  get isWaiting(): boolean {
    return this.hasFlushed && this.owner.isOpen;
  }

  /** Whether flushed output waits, and a stall of it would be noticed. */
  get isWatched(): boolean {
    return this.stall !== undefined && this.isWaiting;
  }

  stalled(): void {
    this.owner.closeAs('slow-consumer');
  }

  // --- unobserved failures ---

  failedWrite(error: Error): WriteFuture {
    const future = SettableFuture.failed(error);
    this.reportFailure(future);
    return future;
  }

  reportFailure(future: WriteFuture): void {
    const { owner } = this;
    this.unseen ??= new UnobservedFailures(owner.clock, (error) => owner.writeFailed(error));
    this.unseen.add(future as SettableFuture);
  }

  // --- the queue ---

  /** Sends all messages that were written so far. The outer flush completes a call from within a flush. */
  private flushAll(): void {
    const { unflushed } = this;
    if (unflushed === undefined) {
      if (this.flushed?.first !== undefined) this.drain(undefined);
      return;
    }
    const last = this.lastUnflushed!;
    this.unflushed = this.lastUnflushed = undefined;
    // Messages that wait outlive their read.
    if (this.gate !== undefined || this.inFlight !== undefined) unpinAll(unflushed);
    if (this.gate !== undefined) {
      this.gate.push(unflushed, last);
      return;
    }
    if (unflushed === last && !this.isFlushing && !this.hasFlushed) {
      // The usual case: no message waits before this segment.
      this.drain(unflushed);
      return;
    }
    this.flushed ??= new SegmentChain();
    this.flushed.push(unflushed, last);
    this.drain(undefined);
  }

  /** Sends this batch, if any, and then the other flushed batches, until the transport is busy. */
  private drain(first: Segment | undefined): void {
    if (this.isFlushing) return;
    this.isFlushing = true;
    let failure: unknown;
    let batch = first ?? this.nextBatch();
    while (batch !== undefined) {
      try {
        this.sendNext(batch);
      } catch (thrown) {
        // Messages that were flushed after this batch are still sent, because no later flush would send them.
        failure ??= thrown;
      }
      batch = this.nextBatch();
    }
    this.isFlushing = false;
    if (failure !== undefined) throw failure;
  }

  /** Drains in a call of the event loop, where a throw would end the process. */
  private drainFromLoop(): void {
    try {
      this.drain(undefined);
    } catch (thrown) {
      this.owner.pipeline.fireExceptionCaught(toError(thrown));
    }
  }

  private nextBatch(): Segment | undefined {
    return this.inFlight === undefined ? this.flushed?.nextBatch() : undefined;
  }

  private sendNext(batch: Segment): void {
    if (this.sendOrFail(batch)) this.settle(batch);
    else if (this.phase !== OVER) this.inFlight = handedOver(batch);
    else {
      this.failAll(handedOver(batch), this.refusalError());
      this.queuedBytes = 0;
    }
  }

  /**
   * Sends a batch. If a message cannot write itself as bytes, its batch fails, and the transport may have sent a part
   * of it.
   */
  private sendOrFail(batch: Segment): boolean {
    try {
      return this.send(batch);
    } catch (thrown) {
      this.failAll(handedOver(batch), toError(thrown));
      if (this.phase !== OVER) this.pendingChanged();
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

  /** @param failures - errors by place; each segment is then a single message */
  private settle(segments: Segment, failures?: ReadonlyMap<number, Error>): void {
    this.taken += 1;
    let place = 0;
    for (let segment: Segment | undefined = segments; segment !== undefined; place += 1) {
      const next: Segment | undefined = segment.next;
      this.queuedBytes -= segment.cost;
      segment.release();
      const failure = failures?.get(place);
      if (failure === undefined) segment.succeed();
      else {
        segment.fail(failure);
        this.reportFailure(segment);
      }
      segment = next;
    }
    if (this.phase === OVER) this.queuedBytes = 0;
    else this.pendingChanged();
  }

  private append(message: unknown): Segment {
    const segment = new Segment(message);
    if (this.lastUnflushed === undefined) {
      this.unflushed = segment;
      flushWatch.written(this);
    } else this.lastUnflushed.next = segment;
    this.lastUnflushed = segment;
    if (this.signal !== undefined) this.makeCancellable(segment, this.signal);
    else if (this.transport.connectionless !== undefined) segment.seal();
    return segment;
  }

  private makeCancellable(segment: Segment, signal: AbortSignal): void {
    segment.seal();
    segment.peekSettled(onAbort(signal, () => this.cancel(segment, signal)));
  }

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
    this.queuedBytes -= segment.cost;
    segment.release();
    segment.fail(abortedError(signal));
    this.pendingChanged();
  }

  private failUnflushed(error: Error): void {
    const segments = this.unflushed;
    this.unflushed = this.lastUnflushed = undefined;
    if (segments !== undefined) this.failAll(segments, error);
  }

  private failFlushed(chain: Segment | undefined, failure: Error | undefined): void {
    if (chain !== undefined) this.failAll(chain, failure ?? this.refusalError());
  }

  private failAll(segments: Segment, error: Error): void {
    for (let segment: Segment | undefined = segments; segment !== undefined; ) {
      const next: Segment | undefined = segment.next;
      this.queuedBytes -= segment.cost;
      segment.release();
      segment.fail(error);
      this.reportFailure(segment);
      segment = next;
    }
  }
}

/** The array for a write of one message. The variable is `undefined` while a write uses the array. */
let spareOne: unknown[] | undefined;
