import { inspect } from 'node:util';
import type {
  Address,
  Attributes,
  Channel,
  Clock,
  CloseInfo,
  CloseReason,
  Direction,
  EndOptions,
  Logger,
  Pipeline,
  ReadHold,
  WriteFuture,
  WriteOptions,
} from '../contract.ts';
import { PipelineError } from '../errors.ts';
import type { Transport } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import type { ChannelOutput } from './channel-output.ts';
import { channelText } from './channel-report.ts';

let privateCore: (channel: object) => ChannelCore | undefined;

/** The core of a channel over a transport; `undefined` for any other channel. */
export function coreOf(channel: object): ChannelCore | undefined {
  return privateCore(channel);
}

/**
 * Starts a channel: announces that it is registered and, if it is connected, active.
 *
 * @param initialize - adds handlers after `handlerAdded` of those that it has
 * @throws PipelineError for a channel that is none of this copy of core
 */
export function startChannel(channel: Channel, initialize?: (channel: Channel) => void): void {
  const core = coreOf(channel);
  if (core === undefined) {
    const text = `${String(channel)} is no channel over a transport, made by this copy of core`;
    throw new PipelineError('PIPELINE_STATE', text);
  }
  core.register(initialize);
}

/**
 * A channel over a {@link Transport}, as handlers and applications see it: the members of the contract, and nothing
 * else. It passes them on to its core, which has an output and a pipeline, and is the sink of the transport.
 *
 * @typeParam R - what passes the pipeline's last handler
 * @typeParam W - what may be written to it
 */
export class TransportChannel<R = unknown, W = unknown> implements Channel<R, W> {
  readonly #core: ChannelCore;
  /** That of the core; a handler may ask it for each message. */
  readonly #output: ChannelOutput;
  readonly pipeline: Pipeline<R, W>;
  readonly isServer: boolean;

  static {
    privateCore = (channel) => (#core in channel ? channel.#core : undefined);
  }

  constructor(
    transport: Transport,
    options: ResolvedChannelOptions,
    parent?: Channel,
    makeCore?: (channel: Channel) => ChannelCore,
  ) {
    const self = this as Channel;
    this.#core = makeCore?.(self) ?? new ChannelCore(self, transport, options, parent);
    this.#output = this.#core.output;
    this.pipeline = this.#core.pipeline as Pipeline as Pipeline<R, W>;
    this.isServer = this.#core.isServer;
  }

  get id(): string {
    return this.#core.id;
  }

  get parent(): Channel | undefined {
    return this.#core.parent;
  }

  get attributes(): Attributes {
    return this.#core.attributes;
  }

  get clock(): Clock {
    return this.#core.options.clock;
  }

  get logger(): Logger {
    return this.#core.options.logger;
  }

  get localAddress(): Address | undefined {
    return this.#core.transport.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.#core.transport.remoteAddress;
  }

  toString(): string {
    return channelText(this as Channel);
  }

  [inspect.custom](): string {
    return this.toString();
  }

  // --- state ---

  get isOpen(): boolean {
    return this.#core.isOpen;
  }

  get isRegistered(): boolean {
    return this.#core.isRegistered;
  }

  get isActive(): boolean {
    return this.#core.isActive;
  }

  get isInputShutdown(): boolean {
    return this.#core.isInputShutdown;
  }

  get isOutputShutdown(): boolean {
    return this.#core.isOutputShutdown;
  }

  get isEnding(): boolean {
    return this.#core.isEnding;
  }

  get discardsInput(): boolean {
    return this.#core.discardsInput;
  }

  // --- reading ---

  get autoRead(): boolean {
    return this.#core.reading.autoRead;
  }

  set autoRead(value: boolean) {
    this.#core.reading.setAutoRead(value);
  }

  read(): void {
    this.pipeline.read();
  }

  get isReadHeld(): boolean {
    return this.#core.reading.isHeld;
  }

  get readHolds(): readonly string[] {
    return this.#core.reading.holdReasons;
  }

  get readHeldMs(): number {
    return this.#core.reading.heldMs;
  }

  holdReads(why: string): ReadHold {
    return this.#core.reading.hold(why);
  }

  onceReadable(listener: () => void): void {
    this.#core.reading.onceReadable(listener);
  }

  checkTurn(): boolean {
    return this.#core.reading.checkTurn();
  }

  onNextTurn(listener: () => void): void {
    this.#core.reading.onNextTurn(listener);
  }

  // --- writing ---

  get isWritable(): boolean {
    return this.#output.isWritable;
  }

  get pendingOutboundBytes(): number {
    return this.#output.pendingBytes;
  }

  get bytesBeforeUnwritable(): number {
    return this.#output.bytesBeforeUnwritable;
  }

  get bytesBeforeWritable(): number {
    return this.#output.bytesBeforeWritable;
  }

  get outboundProgress(): number {
    return this.#output.progress;
  }

  onceWritable(listener: () => void): void {
    this.#output.onceWritable(listener);
  }

  write(message: W, options?: WriteOptions): WriteFuture {
    return options === undefined
      ? this.pipeline.write(message)
      : this.#core.write(message, options);
  }

  flush(): void {
    this.pipeline.flush();
  }

  writeAndFlush(message: W, options?: WriteOptions): WriteFuture {
    const future = this.write(message, options);
    this.pipeline.flush();
    return future;
  }

  // --- ending ---

  shutdown(direction: Direction = 'output'): WriteFuture {
    return this.#core.shutdown(direction);
  }

  end(options: EndOptions = {}): WriteFuture {
    return this.#core.end(options);
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    return this.#core.close(reason);
  }

  abort(reason: CloseReason = 'local'): WriteFuture {
    return this.#core.abort(reason);
  }

  get closeInfo(): CloseInfo | undefined {
    return this.#core.ending.info;
  }

  get closed(): Promise<CloseInfo> {
    return this.#core.ending.promiseFor(this as Channel);
  }

  onClosed(listener: (channel: Channel) => void): void {
    this.#core.ending.add(this as Channel, listener);
  }

  offClosed(listener: (channel: Channel) => void): void {
    this.#core.ending.delete(listener);
  }

  [Symbol.asyncIterator](): Required<Pick<AsyncIterator<R>, 'next' | 'return'>> {
    return this.#core.messages[Symbol.asyncIterator]();
  }

  /** Sends what was written, ends politely, and resolves when the channel has closed: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
