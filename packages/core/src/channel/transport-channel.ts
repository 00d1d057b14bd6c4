// The life of one connection: what its transport reports becomes events in its pipeline.
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
// Beside it stands the state of each half. That of the output is in channel-output.ts; the input's:
//
//   OPEN ──our shutdown('input')──▶ DROPPED ──the peer's end──▶ DROPPED_AND_ENDED
//     └───────────the peer's end──▶ ENDED
import { inspect } from 'node:util';
import type {
  Address,
  Channel,
  Clock,
  CloseInfo,
  CloseReason,
  Direction,
  EndOptions,
  Handled,
  Logger,
  Pipeline,
  ReadHold,
  WriteFuture,
  WriteOptions,
} from '../contract.ts';
import { DrainEvent } from '../drain-event.ts';
import { ChannelError, PipelineError } from '../errors.ts';
import { callSafely } from '../internal/call-safely.ts';
import { unchecked } from '../internal/option-kind.ts';
import { describeOptions } from '../internal/option-set.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import { HandlerPipeline } from '../pipeline/handler-pipeline.ts';
import type { PipelineHost } from '../pipeline/head-and-tail.ts';
import type { Transport } from '../transport/transport.ts';
import { AttributeMap } from './attribute-map.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { ChannelOutput, type OutputOwner } from './channel-output.ts';
import {
  channelText,
  reportCatcher,
  reportDropped,
  reportUncaught,
  reportUnseenWrite,
} from './channel-report.ts';
import { causeOf, closedError, transportError } from './close-cause.ts';
import { CloseWatchers } from './close-watchers.ts';
import { lateLoopError, MessageStream } from './message-stream.ts';
import { ReadHolds } from './read-holds.ts';
import { type ReplacementOwner, TransportReplacement } from './transport-replacement.ts';

const MADE = 0;
const REGISTERED = 1;
const ACTIVE = 2;
/** `end()`: our half is being shut down, and what still comes in is dropped. */
const LINGERING = 3;
const CLOSED = 4;
const GONE = 5;

const INPUT_OPEN = 0;
/** What still comes in is read, to see the peer's end, and dropped. */
const INPUT_DROPPED = 1;
const INPUT_ENDED = 2;
/** The peer has ended what was dropped. */
const INPUT_DROPPED_AND_ENDED = 3;

const WRITE_OPTIONS = describeOptions('write', { signal: unchecked() });
const END_OPTIONS = describeOptions('end', {
  lingerMs: unchecked({ default: 2000 }),
  reason: unchecked({ default: 'local' }),
});
let lastId = Math.floor(Math.random() * 0x1000_0000);

/**
 * A channel over a {@link Transport}: it has an output and a pipeline, and is the sink of its transport.
 *
 * @typeParam R - what passes the pipeline's last handler
 * @typeParam W - what may be written to it
 */
export class TransportChannel<R = unknown, W = unknown>
  implements Channel<R, W>, PipelineHost, OutputOwner, ReplacementOwner
{
  readonly output: ChannelOutput;
  readonly pipeline: Pipeline<R, W>;
  readonly options: ResolvedChannelOptions;
  readonly parent: Channel | undefined;
  readonly isServer: boolean = false;
  private readonly idNumber: number;
  private phase = MADE;
  private input = INPUT_OPEN;
  private autoReads: boolean;
  /** Input was asked for and has not come. */
  private readRequested = false;
  isInBurst = false;
  private isEndAsked = false;
  private hasDroppedMessages = false;
  private hasTransportFailed = false;
  /** When the input's time in this turn is over; 0 while it was not asked for. */
  private turnEndsAt = 0;
  private turnListeners: (() => void)[] | undefined = undefined;
  /** What closes the channel, if it is an error. */
  private failure: Error | undefined = undefined;
  /** Given to `end()`. */
  private lingerReason: CloseReason = 'local';
  private info: CloseInfo | undefined = undefined;
  // Most connections have few of these, and there may be very many connections.
  private madeAttributes: AttributeMap | undefined = undefined;
  private watchers: CloseWatchers | undefined = undefined;
  private holds: ReadHolds | undefined = undefined;
  private connecting: SettableFuture | undefined = undefined;
  private replacement: TransportReplacement | undefined = undefined;
  private stream: MessageStream | undefined = undefined;

  constructor(transport: Transport, options: ResolvedChannelOptions, parent?: Channel) {
    lastId = (lastId + 1) >>> 0;
    this.idNumber = lastId;
    this.options = options;
    this.parent = parent;
    this.autoReads = options.autoRead;
    this.output = new ChannelOutput(transport, this, options);
    this.pipeline = new HandlerPipeline(this) as Pipeline as Pipeline<R, W>;
  }

  // --- state ---

  get id(): string {
    return this.idNumber.toString(16).padStart(8, '0');
  }

  /** The pipeline as the class that it is. */
  private get handlerPipeline(): HandlerPipeline {
    return this.pipeline as Pipeline as HandlerPipeline;
  }

  get channel(): this {
    return this;
  }

  get clock(): Clock {
    return this.options.clock;
  }

  get logger(): Logger {
    return this.options.logger;
  }

  get transport(): Transport {
    return this.output.transport;
  }

  get localAddress(): Address | undefined {
    return this.output.transport.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.output.transport.remoteAddress;
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
    return this.input !== INPUT_OPEN || !this.isOpen;
  }

  get isOutputShutdown(): boolean {
    return this.output.isShut || !this.isOpen;
  }

  /** What still comes in is read, to see the peer's end, and dropped. */
  private get dropsReads(): boolean {
    return this.input !== INPUT_OPEN || this.phase === LINGERING;
  }

  get discardsInput(): boolean {
    const { input } = this;
    return this.phase >= LINGERING || input === INPUT_DROPPED || input === INPUT_DROPPED_AND_ENDED;
  }

  get isEnding(): boolean {
    return this.isEndAsked || this.output.isEnding || !this.isOpen;
  }

  get closeInfo(): CloseInfo | undefined {
    return this.info;
  }

  get attributes(): AttributeMap {
    this.madeAttributes ??= new AttributeMap();
    return this.madeAttributes;
  }

  /** Settles when a connecting channel is connected, or failed to be; to be asked for before `register`. */
  get connectFuture(): SettableFuture {
    this.connecting ??= new SettableFuture();
    return this.connecting;
  }

  toString(): string {
    return channelText(this);
  }

  [inspect.custom](): string {
    return this.toString();
  }

  // --- life ---

  /**
   * Starts the channel: `handlerAdded`, `channelRegistered` and, if connected, `channelActive`. `initialize`
   * adds more handlers after the first of them.
   */
  register(initialize?: (channel: Channel) => void): void {
    if (this.isRegistered)
      throw new ChannelError('CHANNEL_FAILED', `channel ${this.id} is registered already`);
    if (!this.isOpen) return;
    this.phase = REGISTERED;
    this.transport.open(this);
    this.handlerPipeline.announceRegistered();
    if (this.isOpen) initialize?.(this);
    if (!this.isOpen) return;
    this.pipeline.fireChannelRegistered();
    if (this.transport.isActive) this.connected();
  }

  connected(): void {
    if (this.replacement?.isOpening) this.replaced(this.replacement);
    if (this.phase !== REGISTERED) return;
    this.phase = ACTIVE;
    this.connecting?.succeed();
    if (!this.isOpen) return;
    const wasAsked = this.readRequested;
    this.pipeline.fireChannelActive();
    if (wasAsked && !this.autoReads) this.transportRead();
  }

  received(message: unknown): void {
    if (!this.isOpen || this.dropsReads) return;
    if (!this.isInBurst) {
      this.isInBurst = true;
      this.readRequested = false;
    }
    this.pipeline.fireChannelRead(message);
  }

  readComplete(hasMore = false): void {
    if (!this.isOpen) return;
    this.isInBurst = false;
    // A full read is likely to be followed by another one in the same turn.
    if (hasMore) this.checkTurn();
    else if (!this.isTurnOver) this.turnEndsAt = 0;
    if (!this.dropsReads) this.pipeline.fireChannelReadComplete();
    else if (!this.isTurnOver) this.readToDrop();
    this.replacement?.proceed();
  }

  inputEnded(): void {
    if (!this.isOpen || this.input >= INPUT_ENDED) return;
    const isNews = this.input === INPUT_OPEN;
    this.input = isNews ? INPUT_ENDED : INPUT_DROPPED_AND_ENDED;
    if (this.phase === LINGERING) {
      if (this.output.isShut) this.shut(this.endInfo());
    } else if (this.output.isShut || !this.options.allowHalfOpen) {
      this.shut({ reason: 'peer', by: 'peer', error: undefined });
    } else if (isNews) this.pipeline.fireChannelShutdown('input');
  }

  written(): void {
    this.output.written();
  }

  outputEnded(): void {
    this.output.ended();
  }

  caught(error: Error): void {
    if (this.isOpen) this.pipeline.fireExceptionCaught(transportError(error));
  }

  failed(error: Error): void {
    if (!this.isOpen) return;
    const ours = transportError(error);
    if (this.phase === LINGERING) {
      // We ended it; that the peer resets what is left of it is not news.
      this.shut({ reason: this.lingerReason, by: 'local', error: ours });
      return;
    }
    this.failure = ours;
    this.hasTransportFailed = true;
    if (this.isActive) this.pipeline.fireExceptionCaught(ours);
    this.shut(causeOf(ours));
  }

  disconnected(info?: CloseInfo): void {
    const error = this.failure;
    if (this.phase === LINGERING) this.shut({ reason: this.lingerReason, by: 'local', error });
    else this.shut(info ?? { reason: 'peer', by: 'peer', error });
  }

  private shut(cause: CloseInfo, abort = false): void {
    if (!this.isOpen) return;
    const wasActive = this.isActive;
    this.phase = this.phase === MADE ? GONE : CLOSED;
    // A failure explains the close better than the handler that closed because of it.
    const info = this.failure === undefined ? cause : causeOf(this.failure);
    this.info = info;
    this.holds?.clear();
    if (abort) this.transport.abort(info);
    else this.transport.close(info);
    this.watchers?.announce(this);
    this.connecting?.fail(this.failure ?? this.closedError());
    this.replacement?.future.fail(this.failure ?? this.closedError());
    this.watchers?.succeed();
    this.output.close(this.hasTransportFailed ? this.failure : undefined);
    this.clock.execute(() => this.deregister(wasActive));
  }

  private deregister(wasActive: boolean): void {
    if (wasActive) this.pipeline.fireChannelInactive();
    if (this.phase === CLOSED) this.pipeline.fireChannelUnregistered();
    this.phase = GONE;
    this.removeHandlers();
  }

  /** Not before handlers have delivered, by turns, input that they kept: the end comes after it. */
  private removeHandlers(): void {
    if (this.turnListeners === undefined) this.handlerPipeline.destroy();
  }

  /** Closes because of an error of ours. */
  failWith(error: Error): void {
    this.failure ??= error;
    // A handler's close gets the reason that `closeInfo` will have.
    this.closeAs(causeOf(this.failure).reason);
  }

  // --- reading ---

  get autoRead(): boolean {
    return this.autoReads;
  }

  set autoRead(value: boolean) {
    if (value === this.autoReads) return;
    this.autoReads = value;
    if (value) this.readIfAutoRead();
    else {
      this.readRequested = false;
      if (!this.dropsReads) this.transport.pauseReading();
    }
  }

  get isReadHeld(): boolean {
    return this.holds !== undefined && !this.holds.isEmpty;
  }

  get readHolds(): readonly string[] {
    return this.holds?.reasons ?? [];
  }

  get readHeldMs(): number {
    return this.holds?.heldMs ?? 0;
  }

  holdReads(why: string): ReadHold {
    this.holds ??= new ReadHolds(this.clock, () => this.readOn());
    if (this.holds.isEmpty && this.isActive && !this.dropsReads) this.transport.pauseReading();
    return this.holds.add(why);
  }

  onceReadable(listener: () => void): void {
    if (!this.isReadHeld) listener();
    else this.holds!.once(listener);
  }

  checkTurn(): boolean {
    const { readBudgetMs, clock } = this.options;
    if (readBudgetMs === Number.POSITIVE_INFINITY) return false;
    const now = clock.now();
    if (this.turnEndsAt === 0) this.turnEndsAt = clock.turns.endOfShare(now, readBudgetMs);
    else if (now >= this.turnEndsAt) {
      // Also while a handler holds reads itself: what it keeps and releases has no more time than what is read.
      this.turnEndsAt = Number.POSITIVE_INFINITY;
      const hold = this.holdReads('turn');
      clock.turns.wait(now, () => {
        this.turnEndsAt = 0;
        hold.release();
        this.callTurnListeners();
        if (this.isTurnOver) return;
        // Nothing is left that waits; what is read next may come much later.
        this.turnEndsAt = 0;
        if (this.phase === GONE) this.removeHandlers();
        else if (this.dropsReads && this.isOpen) this.readToDrop();
      });
    }
    return this.isTurnOver;
  }

  onNextTurn(listener: () => void): void {
    if (!this.isTurnOver) listener();
    else if (this.turnListeners === undefined) this.turnListeners = [listener];
    else this.turnListeners.push(listener);
  }

  private callTurnListeners(): void {
    const { turnListeners = [] } = this;
    this.turnListeners = undefined;
    for (const listener of turnListeners) {
      // An earlier one may have used up the time.
      this.onNextTurn(() => callSafely(listener, undefined));
    }
  }

  /** The input waits for its next turn. */
  private get isTurnOver(): boolean {
    return this.turnEndsAt === Number.POSITIVE_INFINITY;
  }

  /** The last hold has been released. */
  private readOn(): void {
    if (!this.isOpen || this.dropsReads) return;
    if (this.autoReads) this.pipeline.read();
    else if (this.readRequested) this.transportRead();
  }

  /** Only to see the peer's end. */
  private readToDrop(): void {
    if (this.replacement === undefined) this.transport.requestRead();
  }

  // --- another transport ---

  /**
   * Goes on over another transport, as for STARTTLS. What was flushed before this call leaves by the old one,
   * and the burst of input during which it was called ends; then `make` is called with it, in a task of its
   * own, and its result is opened. Until that reports `connected`, reads are held (`upgrade`) and what is
   * flushed waits. Then the future succeeds, and output and reads go on. If the new transport reports `failed`
   * or `disconnected` first, the future fails and the channel closes. `make` sees to it that the old one
   * reports nothing more to this channel.
   */
  replaceTransport(make: (old: Transport) => Transport): WriteFuture {
    let why: string | undefined;
    if (this.replacement !== undefined) why = 'it changes its transport already';
    else if (!this.isActive || this.isInputShutdown || this.isEnding) {
      why = 'it is not open in both directions';
    }
    if (why !== undefined) {
      const text = `${this} cannot change its transport: ${why}`;
      return this.failedWrite(new PipelineError('PIPELINE_STATE', text));
    }
    const replacement = new TransportReplacement(this, make, this.holdReads('upgrade'));
    this.replacement = replacement;
    this.output.hold();
    replacement.proceed();
    return replacement.future;
  }

  private replaced({ future, hold }: TransportReplacement): void {
    this.replacement = undefined;
    future.succeed();
    if (!this.isOpen) return;
    this.output.release();
    if (this.isOpen && this.dropsReads) this.transport.requestRead();
    hold.release();
  }

  /** Goes on over another transport at once; what is in flight ends as it was sent. */
  changeTransport(transport: Transport): void {
    this.output.transport = transport;
    transport.open(this);
  }

  // --- writing ---

  get isWritable(): boolean {
    return this.output.isWritable;
  }

  get pendingOutboundBytes(): number {
    return this.output.pendingBytes;
  }

  get bytesBeforeUnwritable(): number {
    return this.output.bytesBeforeUnwritable;
  }

  get bytesBeforeWritable(): number {
    return this.output.bytesBeforeWritable;
  }

  get outboundProgress(): number {
    return this.output.progress;
  }

  onceWritable(listener: () => void): void {
    this.output.onceWritable(listener);
  }

  write(message: W, options?: WriteOptions): WriteFuture {
    if (options === undefined) return this.pipeline.write(message);
    WRITE_OPTIONS.checkNames(options);
    const { signal } = options;
    return signal === undefined
      ? this.pipeline.write(message)
      : this.writeWithSignal(message, signal);
  }

  /** Apart from `write`, which would pay for the closure in each call. */
  private writeWithSignal(message: W, signal: AbortSignal): WriteFuture {
    return this.output.writeWithSignal(signal, () => this.pipeline.write(message));
  }

  flush(): void {
    this.pipeline.flush();
  }

  writeAndFlush(message: W, options?: WriteOptions): WriteFuture {
    const future = this.write(message, options);
    this.pipeline.flush();
    return future;
  }

  // --- for the output ---

  /** A write cannot be given up half way, so what comes after a stuck or refused one is closing. */
  closeAs(reason: CloseReason): void {
    this.pipeline.close(reason).peekSettled((error) => {
      // A handler's close that throws must not keep alive what has to go.
      if (error !== undefined) this.shut({ reason, by: 'local', error });
    });
  }

  endInfo(): CloseInfo {
    return { reason: this.lingerReason, by: 'local', error: this.failure };
  }

  closedError(): Error {
    return closedError(this.info!.reason, this.failure);
  }

  outputIsShut(): void {
    if (!this.isOpen) return;
    if (this.input === INPUT_OPEN) this.pipeline.fireChannelShutdown('output');
    else this.shut({ reason: this.lingerReason, by: 'local', error: undefined });
  }

  outputDrained(): void {
    this.replacement?.proceed();
  }

  reportUnseenWrite(error: Error): void {
    reportUnseenWrite(this, this.options.hooks, error);
  }

  // --- ending ---

  read(): void {
    this.pipeline.read();
  }

  shutdown(direction: Direction = 'output'): WriteFuture {
    if (direction === 'output') this.isEndAsked = true;
    return this.pipeline.shutdown(direction);
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    this.isEndAsked = true;
    return this.pipeline.close(reason);
  }

  abort(reason: CloseReason = 'local'): WriteFuture {
    this.shut({ reason, by: 'local', error: undefined }, true);
    return this.whenClosed();
  }

  end(options: EndOptions = {}): WriteFuture {
    const { lingerMs, reason } = END_OPTIONS.resolve(options);
    if (this.phase >= LINGERING) return this.whenClosed();
    this.isEndAsked = true;
    if (!this.isActive) return this.close(reason);
    this.flush();
    const wholeClose = this.whenClosed();
    if (!this.isOpen) return wholeClose;
    this.phase = LINGERING;
    this.lingerReason = reason;
    const deadline = this.clock.schedule(() => this.lingered(), lingerMs);
    this.onClosed(() => deadline.cancel());
    this.shutdown('output').onSettled((error) => {
      if (error !== undefined) this.lingered();
    });
    if (this.isOpen) this.readToDrop();
    return wholeClose;
  }

  private lingered(): void {
    this.shut({ reason: this.lingerReason, by: 'local', error: undefined });
  }

  get closed(): Promise<CloseInfo> {
    this.watchers ??= new CloseWatchers();
    return this.watchers.promiseFor(this);
  }

  onClosed(listener: (channel: Channel) => void): void {
    if (this.info !== undefined) {
      listener(this);
      return;
    }
    this.watchers ??= new CloseWatchers();
    this.watchers.add(listener);
  }

  offClosed(listener: (channel: Channel) => void): void {
    this.watchers?.delete(listener);
  }

  private whenClosed(): SettableFuture {
    if (!this.isOpen) return SettableFuture.succeeded();
    this.watchers ??= new CloseWatchers();
    return this.watchers.future;
  }

  [Symbol.asyncIterator](): Required<Pick<AsyncIterator<R>, 'next' | 'return'>> {
    if (this.stream === undefined) {
      if (this.hasDroppedMessages) throw lateLoopError();
      this.stream = new MessageStream(this.isOpen, (error) => this.failWith(error));
      if (this.isOpen) this.pipeline.addLast(this.stream);
    }
    return this.stream[Symbol.asyncIterator]();
  }

  /** Sends what was written, ends politely, and resolves when the channel has closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  // --- head and tail of the pipeline ---

  transportRead(): void {
    if (!this.isOpen) return;
    this.readRequested = true;
    if (this.isActive && !this.isReadHeld) this.transport.requestRead();
  }

  readIfAutoRead(): void {
    if (this.autoReads && this.isOpen) this.pipeline.read();
  }

  transportWrite(message: unknown): WriteFuture {
    return this.output.write(message);
  }

  transportFlush(): void {
    this.output.flush();
  }

  transportClose(reason: CloseReason): WriteFuture {
    this.shut({ reason, by: 'local', error: undefined });
    return this.whenClosed();
  }

  transportShutdown(direction: Direction): WriteFuture {
    if (direction === 'output') return this.output.shutDown();
    if (!this.isOpen) return this.failedWrite(this.closedError());
    if (this.input !== INPUT_OPEN) return SettableFuture.succeeded();
    this.input = INPUT_DROPPED;
    if (this.output.isShut) this.shut({ reason: 'local', by: 'local', error: undefined });
    else {
      this.pipeline.fireChannelShutdown('input');
      this.readToDrop();
    }
    return SettableFuture.succeeded();
  }

  addPendingOutboundBytes(delta: number): void {
    this.output.addHeldBytes(delta);
  }

  failedWrite(error: Error): WriteFuture {
    return this.output.failedWrite(error);
  }

  reportFailure(future: WriteFuture): void {
    this.output.reportFailure(future);
  }

  // A hook's promise is returned: its rejection counts as the hook's throw.

  unhandledMessage(message: unknown): Handled {
    const { unhandledMessage } = this.options.hooks;
    if (unhandledMessage !== undefined) return unhandledMessage(this, message);
    if (this.hasDroppedMessages) return;
    this.hasDroppedMessages = true;
    reportDropped(this, message);
  }

  unhandledException(error: Error): Handled {
    const { unhandledException } = this.options.hooks;
    if (unhandledException !== undefined) return unhandledException(this, error);
    reportUncaught(this, error);
    this.failWith(error);
  }

  unhandledEvent(event: unknown): Handled {
    if (event instanceof DrainEvent) event.passed(this);
    return this.options.hooks.unhandledEvent?.(this, event);
  }

  exceptionHandlerFailed(handlerName: string, thrown: Error, original: Error): void {
    reportCatcher(this, handlerName, thrown, original);
  }
}
