import type { Clock, CloseInfo, CloseReason, Timer, WriteFuture } from '../contract.ts';
import { ChannelError, toError } from '../errors.ts';
import { callSafely } from '../internal/call-safely.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import { systemClock } from '../internal/system-clock.ts';
import type { HandlerPipeline } from '../pipeline/handler-pipeline.ts';
import type { Transport } from '../transport/transport.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { reportUnseenWrite } from './channel-report.ts';
import { abortedError, OutboundBuffer, type OutboundOwner } from './outbound-buffer.ts';
import type { TransportReplacement } from './transport-replacement.ts';

/** The output side of a channel: its buffer, its writability, its limits in bytes and time. */
export abstract class ChannelOutput implements OutboundOwner {
  abstract readonly pipeline: HandlerPipeline;
  abstract readonly isOpen: boolean;
  abstract readonly isActive: boolean;
  /** @internal for the bootstraps; a handler reaches the transport through the pipeline only */
  transport: Transport;
  protected readonly options: ResolvedChannelOptions;
  protected readonly outbound: OutboundBuffer;
  /** The change of transport that is under way. */
  protected replacement: TransportReplacement | undefined = undefined;
  private writable = true;
  private announcedWritable = true;
  /** What handlers hold back, as they told us. */
  private heldBytes = 0;
  private writableListeners: (() => void)[] | undefined = undefined;
  protected outputShut = false;
  private outputFuture: SettableFuture | undefined = undefined;
  /** The transport has been told to shut our half down. */
  private isEndingOutput = false;
  private stallTimer: Timer | undefined = undefined;
  /** The signal of the write that is on its way through the pipeline. */
  private signal: AbortSignal | undefined = undefined;
  private unseenFailures: SettableFuture[] | undefined = undefined;
  private hasReportedFailure = false;

  constructor(transport: Transport, options: ResolvedChannelOptions) {
    this.transport = transport;
    this.options = options;
    this.outbound = new OutboundBuffer(transport, this);
  }

  protected abstract closeAs(reason: CloseReason): void;
  protected abstract outputIsShut(): void;
  protected abstract replaceWhenDrained(): void;
  /** Why our half ends. */
  protected abstract endInfo(): CloseInfo;

  get clock(): Clock {
    return this.options.clock;
  }

  get writeBufferLowBytes(): number {
    return this.options.writeBufferLowBytes;
  }

  get writeBufferHighBytes(): number {
    return this.options.writeBufferHighBytes;
  }

  get maxOutboundBytes(): number {
    return this.options.maxOutboundBytes;
  }

  get isWritable(): boolean {
    return this.writable && this.isOpen;
  }

  protected get isOutputEnding(): boolean {
    return this.outputFuture !== undefined;
  }

  get isOutputShutdown(): boolean {
    return this.outputShut || !this.isOpen;
  }

  get pendingOutboundBytes(): number {
    return this.outbound.pendingBytes + this.heldBytes;
  }

  get bytesBeforeUnwritable(): number {
    return this.writable ? this.writeBufferHighBytes - this.pendingOutboundBytes + 1 : 0;
  }

  get bytesBeforeWritable(): number {
    return this.writable ? 0 : this.pendingOutboundBytes - this.writeBufferLowBytes + 1;
  }

  get outboundProgress(): number {
    return this.outbound.progress * 2 ** 32 - this.transport.unsentBytes;
  }

  // --- what applications call ---

  flush(): void {
    this.pipeline.flush();
  }

  write(message: unknown, options?: { readonly signal?: AbortSignal }): WriteFuture {
    const signal = options?.signal;
    return signal === undefined
      ? this.pipeline.write(message)
      : this.writeWithSignal(message, signal);
  }

  writeAndFlush(message: unknown, options?: { readonly signal?: AbortSignal }): WriteFuture {
    const future = this.write(message, options);
    this.pipeline.flush();
    return future;
  }

  // --- the pipeline's head ---

  transportWrite(message: unknown): WriteFuture {
    return this.outbound.add(message, this.signal);
  }

  transportFlush(): void {
    if (!this.isActive) {
      this.outbound.failUnflushed(
        new ChannelError('CHANNEL_NOT_CONNECTED', 'flushed before the channel was connected'),
      );
      this.pendingBytesChanged();
      return;
    }
    try {
      this.outbound.flush();
    } finally {
      if (this.outbound.hasFlushed) this.watchForStall();
      else this.outputDrained();
    }
  }

  /** Nothing that was flushed waits any more. */
  private outputDrained(): void {
    if (this.outputFuture !== undefined) this.endWhenDrained();
    if (this.replacement !== undefined) this.replaceWhenDrained();
  }

  /** A write whose signal may still take it back while it waits for its flush. */
  private writeWithSignal(message: unknown, signal: AbortSignal): WriteFuture {
    if (signal.aborted) return this.failedWrite(abortedError(signal));
    const outer = this.signal;
    this.signal = signal;
    try {
      return this.pipeline.write(message);
    } finally {
      this.signal = outer;
    }
  }

  /** Shuts our half down behind everything that was flushed. */
  protected shutOutput(): WriteFuture {
    if (!this.isOpen)
      return this.failedWrite(new ChannelError('CHANNEL_CLOSED', 'the channel is closed'));
    if (this.outputFuture !== undefined) return this.outputFuture;
    this.outputFuture = new SettableFuture();
    this.outbound.refuse(
      new ChannelError('OUTPUT_SHUTDOWN', 'our half of the connection is shut down'),
    );
    this.endWhenDrained();
    return this.outputFuture;
  }

  /** Asked for in the middle of a flush, the end waits for that flush; and the transport is told once. */
  private endWhenDrained(): void {
    if (this.isEndingOutput || this.outbound.hasFlushed || this.outbound.isHeld || !this.isOpen) {
      return;
    }
    this.isEndingOutput = true;
    this.transport.shutdownOutput(this.endInfo());
  }

  // --- the transport ---

  written(): void {
    try {
      this.outbound.written();
    } catch (thrown) {
      // Called by the event loop: nobody else would catch it.
      this.pipeline.fireExceptionCaught(toError(thrown));
    }
    this.outputDrained();
  }

  outputEnded(): void {
    if (this.outputShut) return;
    this.outputShut = true;
    this.outputFuture?.succeed();
    this.outputIsShut();
  }

  protected endOutput(flushedError: Error, unflushedError: Error): void {
    this.stallTimer?.cancel();
    this.stallTimer = undefined;
    this.outputFuture?.fail(unflushedError);
    this.outbound.end(flushedError, unflushedError);
    this.callWritableListeners();
  }

  /** @internal The same connection goes on by another transport. What is in flight ends as it was sent. */
  protected useTransport(transport: Transport): void {
    this.transport = transport;
    this.outbound.transport = transport;
  }

  /** The new transport is connected: what waited for it goes out. */
  protected releaseOutput(): void {
    try {
      this.outbound.release();
    } catch (thrown) {
      // Called by the event loop: nobody else would catch it.
      this.pipeline.fireExceptionCaught(toError(thrown));
    }
    if (this.outbound.hasFlushed) this.watchForStall();
    else this.outputDrained();
  }

  // --- limits and writability ---

  onceWritable(listener: () => void): void {
    if (this.isWritable || !this.isOpen) listener();
    else {
      this.writableListeners ??= [];
      this.writableListeners.push(listener);
    }
  }

  pendingBytesChanged(): void {
    this.updateWritable();
    if (this.hasWritableNews) this.announceWritability();
  }

  addPendingOutboundBytes(delta: number): void {
    this.heldBytes += delta;
    this.updateWritable();
    // Handlers report from the middle of an event, so the others hear of it behind that event.
    if (this.hasWritableNews) this.clock.execute(() => this.announceWritability());
  }

  outboundFull(): void {
    this.closeAs('slow-consumer');
  }

  private updateWritable(): void {
    const pending = this.pendingOutboundBytes;
    if (this.writable) {
      if (pending > this.writeBufferHighBytes) this.writable = false;
    } else if (pending < this.writeBufferLowBytes || pending === 0) this.writable = true;
  }

  /** A listener may have come in a change that is over before it was announced. */
  private get hasWritableNews(): boolean {
    if (this.writable !== this.announcedWritable) return true;
    return this.writable && this.writableListeners !== undefined;
  }

  private announceWritability(): void {
    if (!this.isOpen) return;
    if (this.writable !== this.announcedWritable) {
      this.announcedWritable = this.writable;
      this.pipeline.fireChannelWritabilityChanged();
    }
    if (this.isWritable) this.callWritableListeners();
  }

  private callWritableListeners(): void {
    const listeners = this.writableListeners;
    this.writableListeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) callSafely(listener, undefined);
  }

  private watchForStall(): void {
    const { outboundStallMs } = this.options;
    if (this.stallTimer !== undefined || outboundStallMs === Number.POSITIVE_INFINITY) return;
    const seen = this.outboundProgress;
    this.stallTimer = this.clock.schedule(() => this.checkStall(seen), outboundStallMs);
  }

  private checkStall(seen: number): void {
    this.stallTimer = undefined;
    if (!this.outbound.hasFlushed || !this.isOpen) return;
    if (this.outboundProgress === seen) this.closeAs('slow-consumer');
    else this.watchForStall();
  }

  // --- failures that nobody looked at ---

  failedWrite(error: Error): WriteFuture {
    const future = SettableFuture.failed(error);
    this.reportFailure(future, error);
    return future;
  }

  reportFailure(failed: WriteFuture, _error: Error): void {
    const future = failed as SettableFuture;
    if (this.hasReportedFailure || future.isObserved) return;
    if (this.unseenFailures !== undefined) {
      this.unseenFailures.push(future);
      return;
    }
    this.unseenFailures = [future];
    const later = () => this.clock.execute(() => this.reportUnseen());
    // An `await` looks at a future one microtask late, and Node's next tick comes before that.
    if (this.clock === systemClock) queueMicrotask(later);
    else later();
  }

  /** Whoever wrote has had the rest of the event to look at the future; one line per channel is enough. */
  private reportUnseen(): void {
    const unseen = this.unseenFailures?.find((future) => !future.isObserved);
    this.unseenFailures = undefined;
    if (unseen === undefined || this.hasReportedFailure) return;
    this.hasReportedFailure = true;
    reportUnseenWrite(this.pipeline.channel, this.options.hooks, unseen.error!);
  }
}
