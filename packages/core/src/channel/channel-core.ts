// The life of one connection: reports of its transport become events in its pipeline.
//
// The life of a channel is one `phase`, which only goes forward:
//
//   MADE ──register()──▶ REGISTERED ──connected()──▶ ACTIVE ──end()──▶ LINGERING
//     │                      │                         │                   │
//     │                      └───────── close(), abort(), failed(), ───────┴──▶ CLOSED ──next task──▶ GONE
//     │                                 disconnected(), peer's end                       channelInactive,
//     └──close()──▶ GONE                                                                channelUnregistered
//
// isOpen: before CLOSED. isActive: ACTIVE and LINGERING. isRegistered: REGISTERED to CLOSED.
//
// Each half has a state of its own: the input in channel-reading.ts, the output in channel-output.ts.

import type { Clock } from '../contract/clock.ts';
import type { CloseInfo, CloseReason } from '../contract/connection.ts';
import type { Logger } from '../contract/logger.ts';
import type {
  Channel,
  Direction,
  EndOptions,
  Handled,
  WriteFuture,
  WriteOptions,
} from '../contract.ts';
import { isDrainEvent, isDrainStartEvent } from '../drain/drain-mark.ts';
import { ChannelError, DecodeError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { HandlerPipeline } from '../pipeline/handler-pipeline.ts';
import type { PipelineHost } from '../pipeline/head-and-tail.ts';
import { keepLoan } from '../transport/read-loan.ts';
import { ReadMemory } from '../transport/read-memory.ts';
import type { Transport } from '../transport/transport.ts';
import { AttributeMap } from './attribute-map.ts';
import { ChannelEnding } from './channel-ending.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { ChannelOutput, type OutputOwner } from './channel-output.ts';
import { ChannelReading } from './channel-reading.ts';
import {
  reportCatcher,
  reportDropped,
  reportOutlived,
  reportUncaught,
  reportUnseenWrite,
} from './channel-report.ts';
import { causeOf, transportError } from './close-cause.ts';
import {
  type CloseListener,
  type CloseListeners,
  callListeners,
  withListener,
  withoutListener,
} from './close-listeners.ts';
import { lateLoopError, MessageStream } from './message-stream.ts';
import type { ReplacementOwner, TransportReplacement } from './transport-replacement.ts';

const MADE = 0;
const REGISTERED = 1;
const ACTIVE = 2;
/** `end()` was called: the output half is being shut down, and later input is dropped. */
const LINGERING = 3;
const CLOSED = 4;
const GONE = 5;
// Bits of `reported`.
const DROPPED = 1;
const OUTLIVED = 2;
const CATCHER_FAILED = 4;

/** Time of a linger, see `EndOptions.lingerMs`. */
const LINGER_MS = 2000;
const WRITE_OPTIONS = describeOptions('write', { signal: unchecked() });
const END_OPTIONS = describeOptions('end', {
  lingerMs: unchecked({ default: LINGER_MS }),
  reason: unchecked({ default: 'local' }),
});
let lastNumber = Math.floor(Math.random() * 0x1000_0000);

/**
 * The core of a channel: the sink of its transport, and the host of its pipeline. Users see the channel. Only this
 * folder, the bootstraps and the test kit can reach the core (`coreOf`).
 */
export class ChannelCore implements PipelineHost, OutputOwner, ReplacementOwner {
  readonly channel: Channel;
  readonly options: ResolvedChannelOptions;
  readonly parent: Channel | undefined;
  readonly output: ChannelOutput;
  readonly pipeline: HandlerPipeline;
  readonly reading: ChannelReading;
  /** The memory for reads, made for the first handler that asks for it. */
  readMemory: ReadMemory | undefined = undefined;
  /** The change of transport that is under way. */
  replacement: TransportReplacement | undefined = undefined;
  private readonly idNumber: number;
  private phase = MADE;
  /** Reports that are made once, as bits, because there can be very many connections. */
  private reported = 0;
  // Most connections have none of these objects, and there can be very many connections.
  private madeAttributes: AttributeMap | undefined = undefined;
  private connecting: SettableFuture | undefined = undefined;
  private stream: MessageStream | undefined = undefined;
  private madeEnding: ChannelEnding | undefined = undefined;
  private closeListeners: CloseListeners = undefined;

  constructor(
    channel: Channel,
    transport: Transport,
    options: ResolvedChannelOptions,
    parent: Channel | undefined,
  ) {
    this.idNumber = options.clock.channelNumber?.() ?? nextNumber();
    this.channel = channel;
    this.options = options;
    this.parent = parent;
    this.output = new ChannelOutput(transport, this);
    this.reading = new ChannelReading(this);
    this.pipeline = new HandlerPipeline(this);
  }

  // --- state ---

  get isServer(): boolean {
    return false;
  }

  get id(): string {
    return this.idNumber.toString(16).padStart(8, '0');
  }

  get clock(): Clock {
    return this.options.clock;
  }

  get logger(): Logger {
    const { logger } = this.options;
    return this.transport.connectionless?.loggerOf?.(logger) ?? logger;
  }

  get transport(): Transport {
    return this.output.transport;
  }

  get isOpen(): boolean {
    return this.phase < CLOSED;
  }

  get isRegistered(): boolean {
    return this.phase >= REGISTERED && this.phase <= CLOSED;
  }

  get isActive(): boolean {
    return this.phase === ACTIVE || this.phase === LINGERING;
  }

  get isInputShutdown(): boolean {
    return this.reading.isShut || !this.isOpen;
  }

  get isOutputShutdown(): boolean {
    return this.output.isShut || !this.isOpen;
  }

  get isEnding(): boolean {
    return this.madeEnding?.isAsked === true || this.output.isEnding || !this.isOpen;
  }

  get discardsInput(): boolean {
    return this.phase >= LINGERING || this.reading.isDiscarded;
  }

  get attributes(): AttributeMap {
    this.madeAttributes ??= new AttributeMap();
    return this.madeAttributes;
  }

  get ending(): ChannelEnding {
    this.madeEnding ??= new ChannelEnding();
    return this.madeEnding;
  }

  get closeInfo(): CloseInfo | undefined {
    return this.madeEnding?.info;
  }

  onClosed(listener: CloseListener): void {
    if (this.closeInfo !== undefined) listener(this.channel);
    else this.closeListeners = withListener(this.closeListeners, listener);
  }

  offClosed(listener: CloseListener): void {
    this.closeListeners = withoutListener(this.closeListeners, listener);
  }

  /**
   * Settles when a connecting channel is connected or its connect has failed. The caller must read the future before
   * `register`.
   */
  get connectFuture(): SettableFuture {
    this.connecting ??= new SettableFuture();
    return this.connecting;
  }

  /** Whether a connect was awaited, so that no peer began the connection. */
  get isConnector(): boolean {
    return this.connecting !== undefined && !this.isServer;
  }

  // --- life ---

  /**
   * Starts the channel: `handlerAdded`, `channelRegistered` and, if the channel is connected, `channelActive`.
   * `initialize` adds more handlers after `handlerAdded` of the first handlers.
   */
  register(initialize?: (channel: Channel) => void): void {
    if (this.isRegistered) {
      throw new ChannelError('CHANNEL_FAILED', `channel ${this.id} is registered already`);
    }
    if (!this.isOpen) return;
    this.phase = REGISTERED;
    this.transport.open(this);
    this.pipeline.announceRegistered();
    if (this.isOpen) initialize?.(this.channel);
    // This event is fired even if the channel has closed meanwhile, because `channelUnregistered` will follow.
    this.pipeline.fireChannelRegistered();
    if (this.isOpen && this.transport.isActive) this.connected();
  }

  /** Closes the channel. No other method sets the phase CLOSED. */
  private shut(cause: CloseInfo, abort = false): void {
    if (!this.isOpen) return;
    const { ending } = this;
    const wasActive = this.isActive;
    this.phase = this.phase === MADE ? GONE : CLOSED;
    const info = ending.explain(cause);
    this.reading.releaseAll();
    if (abort) this.transport.abort(info);
    else this.transport.close(info);
    this.announceClosed();
    this.connecting?.fail(ending.failure ?? ending.closedError());
    this.replacement?.future.fail(ending.failure ?? ending.closedError());
    ending.settle();
    this.output.close(ending.hasTransportFailed ? ending.failure : undefined);
    this.clock.execute(() => this.deregister(wasActive));
  }

  private announceClosed(): void {
    const { closeListeners } = this;
    this.closeListeners = undefined;
    callListeners(closeListeners, this.channel);
  }

  private deregister(wasActive: boolean): void {
    if (wasActive) this.pipeline.fireChannelInactive();
    if (this.phase === CLOSED) this.pipeline.fireChannelUnregistered();
    this.phase = GONE;
    this.reading.onceDelivered(() => {
      this.pipeline.destroy();
      this.announceClosed();
    });
  }

  /** Calls the listener of a closed channel when its handlers have delivered the input that they kept. */
  onceInputDelivered(listener: CloseListener): void {
    if (!this.reading.isDelivering) listener(this.channel);
    else this.closeListeners = withListener(this.closeListeners, listener);
  }

  /** Closes the channel because of a local error. */
  failWith(error: Error): void {
    this.ending.failure ??= error;
    // The handlers' `close` receives the reason that `closeInfo` will contain.
    this.closeAs(causeOf(this.ending.failure).reason);
  }

  /**
   * Ends the channel because of its input, as a decoder does. A handler may have answered the peer, which may still be sending: a
   * close would reset the connection, and the peer would lose the answer.
   */
  private endWith(error: Error): void {
    this.ending.failure ??= error;
    this.end({ reason: causeOf(this.ending.failure).reason });
  }

  /** Closes the channel, for example after a stuck or refused write. A write cannot be given up halfway. */
  closeAs(reason: CloseReason): void {
    this.pipeline.close(reason).peekSettled((error) => {
      // If a handler's `close` throws, the channel must still close.
      if (error !== undefined) this.shut({ reason, by: 'local', error });
    });
  }

  // --- the sink of the transport ---

  connected(): void {
    if (this.replacement?.isOpening) this.replacement.connected();
    if (this.phase !== REGISTERED) return;
    this.phase = ACTIVE;
    this.connecting?.succeed();
    if (this.isOpen && this.output.isHolding) this.output.release();
    if (!this.isOpen) return;
    const isRequestedOnce = this.reading.isRequestedOnce;
    this.pipeline.fireChannelActive();
    if (isRequestedOnce) this.reading.request();
    const endOptions = this.madeEnding?.endOptions;
    if (endOptions !== undefined) this.end(endOptions);
  }

  received(message: unknown): void {
    const { reading } = this;
    if (this.phase >= CLOSED || reading.drops) return;
    if (!reading.isInBurst) reading.beginBurst();
    this.pipeline.fireChannelRead(message);
  }

  readComplete(hasMore = false): void {
    if (!this.isOpen) return;
    const { reading } = this;
    reading.endBurst(hasMore);
    if (!reading.drops) this.pipeline.fireChannelReadComplete();
    else reading.dropOn();
    this.replacement?.proceed();
  }

  get keepsNoReads(): boolean {
    return this.pipeline.keepsNoReads;
  }

  get hasKeptNothing(): boolean {
    // Without the end of the burst, a handler that copies its rest there has not done so.
    if (!this.isOpen || this.reading.drops) return false;
    return this.output.isHandedOver;
  }

  get isReadHeld(): boolean {
    return this.reading.isHeld;
  }

  checkTurn(): boolean {
    return this.reading.checkTurn();
  }

  inputEnded(): void {
    const { reading } = this;
    if (!this.isOpen || reading.isEnded) return;
    const { output } = this;
    // Node reports a reset as an end if bytes were unread. A write that is under way meets the reset itself.
    const isAsked = !output.isEnding && !output.isWaiting;
    const failure = isAsked ? this.transport.detectFailure?.() : undefined;
    if (failure !== undefined) {
      this.failed(failure);
      return;
    }
    const isFirst = !reading.isShut;
    reading.peerEnded();
    if (this.phase === LINGERING) {
      if (this.output.isShut) this.shut(this.ending.ours(this.ending.failure));
    } else if (output.isShut || !this.options.allowHalfOpen) this.follow();
    else if (isFirst) this.pipeline.fireChannelShutdown('input');
  }

  /** Ends the channel because the peer has ended its half. Output that was written is sent first, as after `end()`. */
  private follow(): void {
    const { output } = this;
    const cause: CloseInfo = { reason: 'peer', by: 'peer', error: undefined };
    // Output that waits for a connection, or for another transport, cannot be sent any more.
    const isAnswering = output.pendingBytes > 0 && !output.isHolding;
    if (output.isShut || !isAnswering) this.shut(cause);
    else if (!this.ending.isLingering) {
      this.ending.isAsked = true;
      this.pipeline.flush();
      if (this.isOpen) this.endOutput(cause, LINGER_MS);
    }
  }

  written(failures?: ReadonlyMap<number, Error>): void {
    this.output.written(failures);
  }

  outputEnded(): void {
    this.output.ended();
  }

  caught(error: Error): void {
    if (this.isOpen) this.pipeline.fireExceptionCaught(transportError(error));
  }

  failed(error: Error): void {
    if (!this.isOpen) return;
    const { ending } = this;
    const ours = transportError(error);
    if (this.phase === LINGERING) {
      // This side ended the connection. A reset by the peer is then not reported.
      this.shut(ending.ours(ours));
      return;
    }
    ending.failure = ours;
    ending.hasTransportFailed = true;
    if (this.isActive) this.pipeline.fireExceptionCaught(ours);
    this.shut(causeOf(ours));
  }

  disconnected(info?: CloseInfo): void {
    const error = this.ending.failure;
    if (this.phase === LINGERING) this.shut(this.ending.ours(error));
    else this.shut(info ?? { reason: 'peer', by: 'peer', error });
  }

  // --- another transport ---

  // --- operations of the channel ---

  write(message: unknown, options: WriteOptions): WriteFuture {
    WRITE_OPTIONS.checkNames(options);
    const { signal } = options;
    return signal === undefined
      ? this.pipeline.write(message)
      : this.output.writeWithSignal(signal, message, () => this.pipeline.write(message));
  }

  shutdown(direction: Direction): WriteFuture {
    if (direction === 'output') this.ending.isAsked = true;
    return this.pipeline.shutdown(direction);
  }

  close(reason: CloseReason): WriteFuture {
    this.ending.isAsked = true;
    return this.pipeline.close(reason);
  }

  abort(reason: CloseReason): WriteFuture {
    this.shut({ reason, by: 'local', error: undefined }, true);
    return this.ending.future;
  }

  end(options: EndOptions): WriteFuture {
    const { lingerMs, reason } = END_OPTIONS.resolve(options);
    const { ending } = this;
    if (this.phase >= LINGERING || ending.isLingering) return ending.future;
    ending.isAsked = true;
    if (!this.isActive) {
      if (!this.output.isHolding) return this.close(reason);
      ending.endOptions = options;
      return ending.future;
    }
    this.pipeline.flush();
    const wholeClose = ending.future;
    if (!this.isOpen) return wholeClose;
    this.phase = LINGERING;
    this.reading.linger();
    this.endOutput({ reason, by: 'local', error: undefined }, lingerMs);
    if (this.isOpen) this.reading.requestToDrop();
    return wholeClose;
  }

  /** Shuts the output down after what was written, and closes with this cause when both halves or the time are over. */
  private endOutput(cause: CloseInfo, lingerMs: number): void {
    const { ending } = this;
    const lingered = (isCut: boolean) => this.shut(ending.ours(undefined), isCut);
    ending.linger(this.channel, cause, this.output, lingerMs, lingered);
    this.shutdown('output').onSettled((error) => {
      if (error !== undefined) lingered(false);
    });
  }

  /** The messages that pass the last handler, for a single loop. */
  get messages(): MessageStream {
    if (this.stream === undefined) {
      if ((this.reported & DROPPED) !== 0) throw lateLoopError();
      this.stream = new MessageStream(this.isOpen, (error) => this.failWith(error));
      if (this.isOpen) this.pipeline.addLast(this.stream);
    }
    return this.stream;
  }

  // --- the owner of the output ---

  outputIsShut(): void {
    if (!this.isOpen) return;
    this.madeEnding?.outputSent(this.channel);
    if (!this.reading.isShut) this.pipeline.fireChannelShutdown('output');
    else this.shut(this.ending.ours(undefined));
  }

  writeFailed(error: Error): void {
    const { connecting } = this;
    // The caller of the connect got this error.
    if (connecting?.isSettled === true && connecting.error === error) return;
    reportUnseenWrite(this.channel, this.options.hooks, error);
  }

  outputDrained(): void {
    this.replacement?.proceed();
  }

  // --- head and tail of the pipeline ---

  transportClose(reason: CloseReason): WriteFuture {
    this.shut({ reason, by: 'local', error: undefined });
    return this.ending.future;
  }

  transportShutdown(direction: Direction): WriteFuture {
    if (direction === 'output') return this.output.shutDown();
    if (!this.isOpen) return this.output.failedWrite(this.ending.closedError());
    if (this.reading.isShut) return SettableFuture.succeeded();
    this.reading.shutDown();
    if (this.output.isShut) this.shut({ reason: 'local', by: 'local', error: undefined });
    else {
      this.pipeline.fireChannelShutdown('input');
      this.reading.requestToDrop();
    }
    return SettableFuture.succeeded();
  }

  // A hook's promise is returned: its rejection counts as a throw of the hook.

  unhandledMessage(message: unknown): Handled {
    const { unhandledMessage } = this.options.hooks;
    keepLoan();
    if (unhandledMessage !== undefined) return unhandledMessage(this.channel, message);
    if ((this.reported & DROPPED) !== 0) return;
    this.reported |= DROPPED;
    reportDropped(this.channel, message);
  }

  unhandledException(error: Error): Handled {
    const { unhandledException } = this.options.hooks;
    if (unhandledException !== undefined) return unhandledException(this.channel, error);
    const { connectionless } = this.transport;
    if (connectionless?.uncaught !== undefined) {
      connectionless.uncaught(error);
      const isFirst = (this.reported & OUTLIVED) === 0;
      this.reported |= OUTLIVED;
      reportOutlived(this.channel, error, isFirst);
      return;
    }
    reportUncaught(this.channel, error);
    if (error instanceof DecodeError) this.endWith(error);
    else this.failWith(error);
  }

  unhandledEvent(event: unknown): Handled {
    if (isDrainEvent(event)) event.passed(this.channel);
    else if (isDrainStartEvent(event)) event.passed(this.channel, this.reading);
    return this.options.hooks.unhandledEvent?.(this.channel, event);
  }

  exceptionHandlerFailed(handlerName: string, thrown: Error, original: Error): void {
    const isFirst = (this.reported & CATCHER_FAILED) === 0;
    this.reported |= CATCHER_FAILED;
    reportCatcher(this.channel, handlerName, thrown, original, isFirst);
  }
}

function nextNumber(): number {
  lastNumber = (lastNumber + 1) >>> 0;
  return lastNumber;
}
