import { inspect } from 'node:util';
import type { Clock } from '../contract/clock.ts';
import type { Address, CloseInfo, CloseReason } from '../contract/connection.ts';
import type { Logger } from '../contract/logger.ts';
import type {
  Attributes,
  Channel,
  Direction,
  EndOptions,
  Pipeline,
  ReadHold,
  WriteFuture,
  WriteOptions,
} from '../contract.ts';
import { PipelineError } from '../errors.ts';
import { ReadMemory } from '../transport/read-memory.ts';
import type { Transport } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';
import type { ChannelOutput } from './channel-output.ts';
import { channelText } from './channel-report.ts';

/** Keys that only this file has. A `#field` costs twice as much if a compiler turns it into a WeakMap. */
const CORE = Symbol('core');
const OUTPUT = Symbol('output');

/** Returns the core of a channel over a transport; `undefined` for any other channel. */
export function coreOf(channel: object): ChannelCore | undefined {
  return (channel as { readonly [CORE]?: ChannelCore })[CORE];
}

/** Returns the members that {@link attachCore} needs, for the prototype of another class of channels. */
export function channelMembers(): readonly (readonly [PropertyKey, PropertyDescriptor])[] {
  const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(
    TransportChannel.prototype,
  );
  return Reflect.ownKeys(members).map((name) => [name, Reflect.get(members, name)]);
}

/** Gives a core to an object that has the members of a channel. The object becomes the channel of the core. */
export function attachCore(channel: object, core: ChannelCore): void {
  const { output, pipeline, isServer } = core;
  Object.assign(channel, { [CORE]: core, [OUTPUT]: output, pipeline, isServer });
}

/**
 * Starts a channel: announces that the channel is registered and, if it is connected, active.
 *
 * @param initialize - function that adds handlers after `handlerAdded` of the existing handlers
 * @throws PipelineError for a channel of another copy of core
 */
export function startChannel(channel: Channel, initialize?: (channel: Channel) => void): void {
  const core = coreOf(channel);
  if (core === undefined) {
    const text = `${String(channel)} is not a channel over a transport, made by this copy of core`;
    throw new PipelineError('PIPELINE_STATE', text);
  }
  core.register(initialize);
}

/**
 * A channel over a {@link Transport}, as handlers and applications see it. The channel has the members of the
 * contract only, and passes all calls to its core. The core has an output and a pipeline, and is the sink of the
 * transport.
 *
 * @typeParam R - type of the messages that pass the pipeline's last handler
 * @typeParam W - type of the messages that can be written
 */
export class TransportChannel<R = unknown, W = unknown> implements Channel<R, W> {
  /** @internal */
  readonly [CORE]: ChannelCore;
  /** @internal The output of the core, as a field because a handler may use it for each message. */
  readonly [OUTPUT]: ChannelOutput;
  readonly pipeline: Pipeline<R, W>;
  readonly isServer: boolean;

  constructor(
    transport: Transport,
    options: ResolvedChannelOptions,
    parent?: Channel,
    makeCore?: (channel: Channel) => ChannelCore,
  ) {
    const self = this as Channel;
    this[CORE] = makeCore?.(self) ?? new ChannelCore(self, transport, options, parent);
    this[OUTPUT] = this[CORE].output;
    this.pipeline = this[CORE].pipeline as Pipeline as Pipeline<R, W>;
    this.isServer = this[CORE].isServer;
  }

  get id(): string {
    return this[CORE].id;
  }

  get parent(): Channel | undefined {
    return this[CORE].parent;
  }

  get attributes(): Attributes {
    return this[CORE].attributes;
  }

  get clock(): Clock {
    return this[CORE].options.clock;
  }

  get logger(): Logger {
    return this[CORE].logger;
  }

  get localAddress(): Address | undefined {
    return this[CORE].transport.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this[CORE].transport.remoteAddress;
  }

  toString(): string {
    return channelText(this as Channel);
  }

  [inspect.custom](): string {
    return this.toString();
  }

  // --- state ---

  get isOpen(): boolean {
    return this[CORE].isOpen;
  }

  get isRegistered(): boolean {
    return this[CORE].isRegistered;
  }

  get isActive(): boolean {
    return this[CORE].isActive;
  }

  get isInputShutdown(): boolean {
    return this[CORE].isInputShutdown;
  }

  get isOutputShutdown(): boolean {
    return this[CORE].isOutputShutdown;
  }

  get isEnding(): boolean {
    return this[CORE].isEnding;
  }

  get discardsInput(): boolean {
    return this[CORE].discardsInput;
  }

  // --- reading ---

  get autoRead(): boolean {
    return this[CORE].reading.autoRead;
  }

  set autoRead(value: boolean) {
    this[CORE].reading.setAutoRead(value);
  }

  read(): void {
    this.pipeline.read();
  }

  get readMemory(): ReadMemory {
    const core = this[CORE];
    core.readMemory ??= new ReadMemory(core.pipeline);
    return core.readMemory;
  }

  get isReadHeld(): boolean {
    return this[CORE].reading.isHeld;
  }

  get readHolds(): readonly string[] {
    return this[CORE].reading.holdReasons;
  }

  get readHeldMs(): number {
    return this[CORE].reading.heldMs;
  }

  holdReads(why: string): ReadHold {
    return this[CORE].reading.hold(why);
  }

  onceReadable(listener: () => void): void {
    this[CORE].reading.onceReadable(listener);
  }

  checkTurn(): boolean {
    return this[CORE].reading.checkTurn();
  }

  onNextTurn(listener: () => void): void {
    this[CORE].reading.onNextTurn(listener);
  }

  // --- writing ---

  get isWritable(): boolean {
    return this[OUTPUT].isWritable;
  }

  get pendingOutboundBytes(): number {
    return this[OUTPUT].pendingBytes;
  }

  get bytesBeforeUnwritable(): number {
    return this[OUTPUT].bytesBeforeUnwritable;
  }

  get bytesBeforeWritable(): number {
    return this[OUTPUT].bytesBeforeWritable;
  }

  get outboundProgress(): number {
    return this[OUTPUT].progress;
  }

  onceWritable(listener: () => void): void {
    this[OUTPUT].onceWritable(listener);
  }

  write(message: W, options?: WriteOptions): WriteFuture {
    return options === undefined
      ? this.pipeline.write(message)
      : this[CORE].write(message, options);
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
    return this[CORE].shutdown(direction);
  }

  end(options: EndOptions = {}): WriteFuture {
    return this[CORE].end(options);
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    return this[CORE].close(reason);
  }

  abort(reason: CloseReason = 'local'): WriteFuture {
    return this[CORE].abort(reason);
  }

  get closeInfo(): CloseInfo | undefined {
    return this[CORE].closeInfo;
  }

  get closed(): Promise<CloseInfo> {
    return this[CORE].ending.promiseFor(this as Channel);
  }

  onClosed(listener: (channel: Channel) => void): void {
    this[CORE].onClosed(listener);
  }

  offClosed(listener: (channel: Channel) => void): void {
    this[CORE].offClosed(listener);
  }

  [Symbol.asyncIterator](): Required<Pick<AsyncIterator<R>, 'next' | 'return'>> {
    return this[CORE].messages[Symbol.asyncIterator]();
  }

  /**
   * Sends all written messages, ends the connection as `end` does, and resolves when the channel has closed. For
   * `await using`.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
