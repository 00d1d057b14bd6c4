import type {
  Address,
  Channel,
  CloseInfo,
  CloseReason,
  Direction,
  Logger,
  ReadHold,
  WriteFuture,
} from '../contract.ts';
import { ChannelError, PipelineError, toError } from '../errors.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import { nextTurn } from '../internal/system-clock.ts';
import { HandlerPipeline } from '../pipeline/handler-pipeline.ts';
import type { PipelineHost } from '../pipeline/pipeline-ends.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';
import { AttributeMap } from './attribute-map.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import { ChannelOutput } from './channel-output.ts';
import { channelText, reportCatcher, reportDropped, reportUncaught } from './channel-report.ts';
import { causeOf, closedError, transportError } from './close-cause.ts';
import { CloseListeners } from './close-listeners.ts';
import { lateLoopError, MessageStream } from './message-stream.ts';
import { ReadHolds } from './read-holds.ts';
import { TransportReplacement } from './transport-replacement.ts';

const DEFAULT_LINGER_MS = 2000;
let lastId = Math.floor(Math.random() * 0x1000_0000);

/** A channel over a {@link Transport}. Its output side is {@link ChannelOutput}. */
export class TransportChannel
  extends ChannelOutput
  implements Channel, PipelineHost, TransportSink
{
  readonly pipeline: HandlerPipeline;
  private isOpenNow = true;
  private active = false;
  readonly parent: Channel | undefined;
  readonly isServer: boolean = false;
  private readonly idNumber: number;
  private autoReads: boolean;
  private registered = false;
  /** Input was asked for and has not come. */
  private readRequested = false;
  private isInBurst = false;
  private isEndAsked = false;
  /** When the input's time in this turn is over; 0 while nobody has looked. */
  private turnEndsAt = 0;
  private holds: ReadHolds | undefined = undefined;
  private inputShut = false;
  private hasPeerEnded = false;
  /** What closes the channel, if it is an error. */
  private failure: Error | undefined = undefined;
  private transportFailed = false;
  private info: CloseInfo | undefined = undefined;
  private closeFuture: SettableFuture | undefined = undefined;
  private lingerReason: CloseReason | undefined = undefined;
  // Most connections have few of these, and there may be very many connections.
  private madeAttributes: AttributeMap | undefined = undefined;
  private closeListeners: CloseListeners | undefined = undefined;
  private connecting: SettableFuture | undefined = undefined;
  private closedPromise: Promise<CloseInfo> | undefined = undefined;
  private stream: MessageStream | undefined = undefined;
  private hasDroppedMessages = false;

  constructor(transport: Transport, options: ResolvedChannelOptions, parent?: Channel) {
    super(transport, options);
    lastId = (lastId + 1) >>> 0;
    this.idNumber = lastId;
    this.parent = parent;
    this.autoReads = options.autoRead;
    this.pipeline = new HandlerPipeline(this);
  }

  // --- state ---

  get id(): string {
    return this.idNumber.toString(16).padStart(8, '0');
  }

  get channel(): this {
    return this;
  }

  get logger(): Logger {
    return this.options.logger;
  }

  get localAddress(): Address | undefined {
    return this.transport.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.transport.remoteAddress;
  }

  get isOpen(): boolean {
    return this.isOpenNow;
  }

  get isRegistered(): boolean {
    return this.registered;
  }

  get isActive(): boolean {
    return this.active;
  }

  /** What still comes in is read, to see the peer's end, and dropped. */
  private get dropsReads(): boolean {
    return this.inputShut || this.lingerReason !== undefined;
  }

  get discardsInput(): boolean {
    if (!this.isOpenNow || this.lingerReason !== undefined) return true;
    return this.inputShut && !this.hasPeerEnded;
  }

  get isEnding(): boolean {
    return this.isEndAsked || this.isOutputEnding || !this.isOpenNow;
  }

  get isInputShutdown(): boolean {
    return this.inputShut || !this.isOpenNow;
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

  // --- holds on reads ---

  get isReadHeld(): boolean {
    return this.holds !== undefined && !this.holds.isEmpty;
  }

  get readHolds(): readonly string[] {
    return this.holds?.reasons ?? [];
  }

  holdReads(why: string): ReadHold {
    this.holds ??= new ReadHolds(() => this.readOn());
    if (this.holds.isEmpty && this.active && !this.dropsReads) this.transport.pauseReading();
    return this.holds.add(why);
  }

  onceReadable(listener: () => void): void {
    if (!this.isReadHeld) listener();
    else this.holds!.once(listener);
  }

  checkTurn(): void {
    const { readBudgetMs } = this.options;
    if (readBudgetMs === Number.POSITIVE_INFINITY) return;
    const now = this.clock.now();
    if (this.turnEndsAt === 0) this.turnEndsAt = now + readBudgetMs;
    else if (now >= this.turnEndsAt && !this.isReadHeld) {
      this.turnEndsAt = 0;
      const hold = this.holdReads('turn');
      nextTurn(this.clock, () => hold.release());
    }
  }

  /** The last hold is gone. */
  private readOn(): void {
    if (!this.isOpenNow || this.dropsReads) return;
    if (this.autoReads) this.pipeline.read();
    else if (this.readRequested) this.transportRead();
  }

  override toString(): string {
    return channelText(this);
  }

  // --- life ---

  /**
   * Starts the channel: handlers hear that they were added, then that it is registered and, if connected,
   * active. `initialize` adds more of them in between.
   */
  register(initialize?: (channel: Channel) => void): void {
    if (this.registered)
      throw new ChannelError('CHANNEL_FAILED', `channel ${this.id} is registered already`);
    if (!this.isOpenNow) return;
    this.registered = true;
    this.transport.open(this);
    this.pipeline.announceRegistered();
    if (this.isOpenNow) initialize?.(this);
    if (!this.isOpenNow) return;
    this.pipeline.fireChannelRegistered();
    if (this.transport.isActive) this.connected();
  }

  connected(): void {
    if (!this.isOpenNow) return;
    if (this.replacement?.isOpening) this.replaced(this.replacement);
    if (this.active) return;
    this.active = true;
    this.connecting?.succeed();
    if (!this.isOpenNow) return;
    const wasAsked = this.readRequested;
    this.pipeline.fireChannelActive();
    if (wasAsked && !this.autoReads) this.transportRead();
  }

  received(message: unknown): void {
    if (!this.isOpenNow || this.dropsReads) return;
    if (!this.isInBurst) {
      this.isInBurst = true;
      this.readRequested = false;
    }
    this.pipeline.fireChannelRead(message);
  }

  readComplete(hasMore = false): void {
    if (!this.isOpenNow) return;
    this.isInBurst = false;
    // A full read is likely to be followed by another one in the same turn.
    if (hasMore) this.checkTurn();
    else this.turnEndsAt = 0;
    if (this.dropsReads) this.readToDrop();
    else this.pipeline.fireChannelReadComplete();
    if (this.replacement !== undefined) this.replaceWhenDrained();
  }

  /** Only to see the peer's end. */
  private readToDrop(): void {
    if (this.replacement === undefined) this.transport.requestRead();
  }

  inputEnded(): void {
    if (!this.isOpenNow || this.hasPeerEnded) return;
    this.hasPeerEnded = true;
    const isNews = !this.inputShut;
    this.inputShut = true;
    if (this.lingerReason !== undefined) {
      if (this.outputShut) this.shut({ reason: this.lingerReason, by: 'local', error: undefined });
    } else if (this.outputShut || !this.options.allowHalfOpen) {
      this.shut({ reason: 'peer', by: 'peer', error: undefined });
    } else if (isNews) this.pipeline.fireChannelShutdown('input');
  }

  failed(error: Error): void {
    if (!this.isOpenNow) return;
    const ours = transportError(error);
    if (this.lingerReason !== undefined) {
      // We ended it; that the peer resets what is left of it is not news.
      this.shut({ reason: this.lingerReason, by: 'local', error: ours });
      return;
    }
    this.failure = ours;
    this.transportFailed = true;
    if (this.active) this.pipeline.fireExceptionCaught(ours);
    this.shut(causeOf(ours));
  }

  caught(error: Error): void {
    if (this.isOpenNow) this.pipeline.fireExceptionCaught(transportError(error));
  }

  disconnected(info?: CloseInfo): void {
    const { lingerReason, failure } = this;
    if (lingerReason !== undefined)
      this.shut({ reason: lingerReason, by: 'local', error: failure });
    else this.shut(info ?? { reason: 'peer', by: 'peer', error: failure });
  }

  /**
   * Goes on over another transport, as for STARTTLS. What was flushed before this call leaves by the old one,
   * and the burst of input during which it was called ends; then `make` is called with it, in a task of its
   * own, and its result is opened. Until that reports `connected`, reads are held (`upgrade`) and what is
   * flushed waits. Then the future succeeds, and output and reads go on. If the new transport reports `failed`
   * or `disconnected` first, the future fails and the channel closes. `make` sees to it that the old one
   * reports nothing more to this channel.
   *
   * @internal
   */
  replaceTransport(make: (old: Transport) => Transport): WriteFuture {
    let why: string | undefined;
    if (this.replacement !== undefined) why = 'it changes its transport already';
    else if (!this.active || this.inputShut || this.isEnding) {
      why = 'it is not open in both directions';
    }
    if (why !== undefined) {
      const text = `${this} cannot change its transport: ${why}`;
      return this.failedWrite(new PipelineError('PIPELINE_STATE', text));
    }
    this.replacement = new TransportReplacement(make, this.holdReads('upgrade'));
    this.outbound.hold();
    this.replaceWhenDrained();
    return this.replacement.future;
  }

  protected override replaceWhenDrained(): void {
    if (this.isReplaceable) this.clock.execute(() => this.openReplacement());
  }

  private get isReplaceable(): boolean {
    const isWaiting = this.replacement?.isOpening === false;
    return isWaiting && this.isOpenNow && !this.isInBurst && this.outbound.isDrained;
  }

  private openReplacement(): void {
    if (!this.isReplaceable) return;
    const { replacement } = this;
    replacement!.isOpening = true;
    try {
      const fresh = replacement!.make(this.transport);
      this.useTransport(fresh);
      fresh.open(this);
    } catch (thrown) {
      this.failWith(toError(thrown));
      return;
    }
    if (this.transport.isActive) this.connected();
  }

  private replaced({ future, hold }: TransportReplacement): void {
    this.replacement = undefined;
    future.succeed();
    if (!this.isOpenNow) return;
    this.releaseOutput();
    if (this.isOpenNow && this.dropsReads) this.transport.requestRead();
    hold.release();
  }

  /** @internal for the change to TLS */
  changeTransport(transport: Transport): void {
    this.useTransport(transport);
    transport.open(this);
  }

  /** A write cannot be given up half way, so what comes after a stuck or refused one is closing. */
  protected override closeAs(reason: CloseReason): void {
    this.pipeline.close(reason).peekSettled((error) => {
      // A handler's close that throws must not keep alive what has to go.
      if (error !== undefined) this.shut({ reason, by: 'local', error });
    });
  }

  protected override endInfo(): CloseInfo {
    return { reason: this.lingerReason ?? 'local', by: 'local', error: this.failure };
  }

  protected override outputIsShut(): void {
    if (!this.isOpenNow) return;
    if (!this.inputShut) this.pipeline.fireChannelShutdown('output');
    else this.shut({ reason: this.lingerReason ?? 'local', by: 'local', error: undefined });
  }

  private shut(cause: CloseInfo, abort = false): void {
    if (!this.isOpenNow) return;
    this.isOpenNow = false;
    const wasActive = this.active;
    this.active = false;
    // A failure explains the close better than the handler that closed because of it.
    const info = this.failure === undefined ? cause : causeOf(this.failure);
    this.info = info;
    this.holds?.clear();
    if (abort) this.transport.abort(info);
    else this.transport.close(info);
    this.closeListeners?.announce(this);
    const writeError = closedError(info.reason, this.failure);
    this.connecting?.fail(this.failure ?? writeError);
    this.replacement?.future.fail(this.failure ?? writeError);
    this.closeFuture?.succeed();
    this.endOutput(this.transportFailed ? this.failure! : writeError, writeError);
    this.clock.execute(() => this.deregister(wasActive));
  }

  private deregister(wasActive: boolean): void {
    if (wasActive) this.pipeline.fireChannelInactive();
    if (this.registered) this.pipeline.fireChannelUnregistered();
    this.registered = false;
    this.pipeline.destroy();
  }

  // --- what applications call ---

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

  end(options: { readonly lingerMs?: number; readonly reason?: CloseReason } = {}): WriteFuture {
    if (!this.isOpenNow || this.lingerReason !== undefined) return this.whenClosed();
    const { lingerMs = DEFAULT_LINGER_MS, reason = 'local' } = options;
    this.isEndAsked = true;
    if (!this.active) return this.close(reason);
    this.flush();
    const wholeClose = this.whenClosed();
    if (!this.isOpenNow) return wholeClose;
    this.lingerReason = reason;
    const deadline = this.clock.schedule(
      () => this.shut({ reason, by: 'local', error: undefined }),
      lingerMs,
    );
    this.onClosed(() => deadline.cancel());
    this.shutdown('output').onSettled((error) => {
      if (error !== undefined) this.shut({ reason, by: 'local', error: undefined });
    });
    if (this.isOpenNow) this.readToDrop();
    return wholeClose;
  }

  get closed(): Promise<CloseInfo> {
    this.closedPromise ??= new Promise((resolve) => this.onClosed(() => resolve(this.info!)));
    return this.closedPromise;
  }

  onClosed(listener: (channel: Channel) => void): void {
    if (this.info !== undefined) {
      listener(this);
      return;
    }
    this.closeListeners ??= new CloseListeners();
    this.closeListeners.add(listener);
  }

  offClosed(listener: (channel: Channel) => void): void {
    this.closeListeners?.delete(listener);
  }

  [Symbol.asyncIterator](): MessageStream {
    if (this.stream === undefined) {
      if (this.hasDroppedMessages) throw lateLoopError();
      this.stream = new MessageStream(this.isOpenNow, (error) => this.failWith(error));
      if (this.isOpenNow) this.pipeline.addLast(this.stream);
    }
    return this.stream[Symbol.asyncIterator]();
  }

  /** Sends what was written, ends politely, and resolves when the channel has closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  // --- the pipeline's ends ---

  transportRead(): void {
    if (!this.isOpenNow) return;
    this.readRequested = true;
    if (this.active && !this.isReadHeld) this.transport.requestRead();
  }

  readIfAutoRead(): void {
    if (this.autoReads && this.isOpenNow) this.pipeline.read();
  }

  transportClose(reason: CloseReason): WriteFuture {
    this.shut({ reason, by: 'local', error: undefined });
    return this.whenClosed();
  }

  transportShutdown(direction: Direction): WriteFuture {
    if (direction === 'output') return this.shutOutput();
    if (!this.isOpenNow) return this.failedWrite(closedError(this.info!.reason, this.failure));
    if (this.inputShut) return SettableFuture.succeeded();
    this.inputShut = true;
    if (this.outputShut) this.shut({ reason: 'local', by: 'local', error: undefined });
    else {
      this.pipeline.fireChannelShutdown('input');
      this.readToDrop();
    }
    return SettableFuture.succeeded();
  }

  unhandledMessage(message: unknown): void {
    const { unhandledMessage } = this.options.hooks;
    if (unhandledMessage !== undefined) unhandledMessage(this, message);
    else {
      this.hasDroppedMessages = true;
      reportDropped(this, message);
    }
  }

  unhandledException(error: Error): void {
    const { unhandledException } = this.options.hooks;
    if (unhandledException !== undefined) unhandledException(this, error);
    else {
      reportUncaught(this, error);
      this.failWith(error);
    }
  }

  /** Closes because of an error of ours. */
  failWith(error: Error): void {
    this.failure ??= error;
    this.closeAs('error');
  }

  unhandledEvent(event: unknown): void {
    this.options.hooks.unhandledEvent?.(this, event);
  }

  exceptionHandlerFailed(handlerName: string, thrown: Error, original: Error): void {
    reportCatcher(this, handlerName, thrown, original);
  }

  private whenClosed(): SettableFuture {
    this.closeFuture ??= this.isOpenNow ? new SettableFuture() : SettableFuture.succeeded();
    return this.closeFuture;
  }
}
