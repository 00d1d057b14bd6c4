import {
  CHANNEL_OPTIONS,
  type ChannelHooks,
  type ChannelOptions,
  resolveChannelOptions,
} from '../channel/channel-options.ts';
import { closedError } from '../channel/close-cause.ts';
import type { Address } from '../contract/connection.ts';
import type { Chain, OrMisfit, ReadAfter, WriteAfter } from '../contract/handler-chain.ts';
import type { Channel, Handler, Pipeline } from '../contract.ts';
import { silentLogger } from '../log/stderr-logger.ts';
import { flag, unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { EmbeddedTransport } from './embedded-transport.ts';
import { eventText } from './record-events.ts';
import { VirtualChannel } from './virtual-channel.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Options of an {@link EmbeddedChannel}. */
export interface EmbeddedChannelOptions extends Omit<ChannelOptions, 'clock'> {
  /** Clock of the channel, which other channels can share. @default a new clock */
  readonly clock?: VirtualClock;
  /** Whether the constructor registers the channel. If false, the test calls `register()`. @default true */
  readonly register?: boolean;
  /** Channel that accepted this channel, or that carries it. @default none */
  readonly parent?: Channel;
  /** Address of this end. @default { path: 'embedded' } */
  readonly localAddress?: Address;
  /** Address of the peer. @default { path: 'embedded' } */
  readonly remoteAddress?: Address;
  /** Id of the channel. @default generated */
  readonly id?: string;
}

const OPTIONS = describeOptions(
  'EmbeddedChannel.with',
  {
    register: flag({ default: true }),
    parent: unchecked(),
    localAddress: unchecked(),
    remoteAddress: unchecked(),
    id: unchecked(),
  },
  CHANNEL_OPTIONS,
);

/** The messages and bytes that were left when a channel was finished. */
export interface LeftOver {
  /** Messages that passed the last handler, and that the test did not read. */
  readonly inbound: unknown[];
  /** Messages that reached the transport, and that the test did not read. */
  readonly outbound: unknown[];
  /** Number of bytes that were written, but not flushed or not accepted. Their writes failed. */
  readonly pendingOutboundBytes: number;
}

/**
 * A channel without a socket, on virtual time, for tests. A test puts messages in at the head and reads the results at the
 * tail, or in the opposite direction.
 *
 * @example
 * ```ts
 * const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }));
 * channel.writeInbound(Buffer.from('hello\n'));
 * channel.readInbound(); // Buffer of "hello"
 * ```
 * @typeParam Handlers - the handlers of its constructor, which determine the types of its messages
 * @see Netty's `EmbeddedChannel`
 */
export class EmbeddedChannel<
  const Handlers extends readonly Handler[] = readonly Handler[],
  // biome-ignore lint/suspicious/noExplicitAny: a test gives it to what takes a channel of bytes, or of messages
> extends VirtualChannel<ReadAfter<Handlers, any>, WriteAfter<Handlers, any>> {
  /** The transport of the channel. */
  readonly embedded: EmbeddedTransport;
  private readonly inboundMessages: unknown[] = [];
  private readonly outboundMessages: unknown[] = [];
  private recorded: Error | undefined = undefined;
  private readonly waiters: (() => void)[] = [];
  private readonly ownsClock: boolean;
  private readonly givenId: string | undefined;

  constructor(...handlers: OrMisfit<Handlers, Chain<Handlers, unknown, unknown>>);
  /** @internal Use {@link EmbeddedChannel.with}. */
  constructor(setup: EmbeddedSetup);
  constructor(...args: readonly (Handler | EmbeddedSetup)[]) {
    const given = args[0] instanceof EmbeddedSetup ? args[0] : undefined;
    const { options, handlers } = given ?? new EmbeddedSetup({}, args as readonly Handler[]);
    const transport = new EmbeddedTransport((message) => this.handleOutboundMessage(message));
    const { clock = new VirtualClock(), ...rest } = options;
    const { register, parent, id } = OPTIONS.part(options);
    if (rest.localAddress !== undefined) transport.localAddress = rest.localAddress;
    if (rest.remoteAddress !== undefined) transport.remoteAddress = rest.remoteAddress;
    // Keeps the messages and errors that passed the last handler, unless the test has hooks of its
    // own.
    const hooks: ChannelHooks = {
      unhandledMessage: (_channel, message) => this.handleInboundMessage(message),
      unhandledException: (_channel, error) => this.handleException(error),
      ...rest.hooks,
    };
    super(
      transport,
      resolveChannelOptions({ logger: silentLogger, ...rest, hooks, clock }),
      parent,
    );
    this.embedded = transport;
    this.givenId = id;
    this.ownsClock = options.clock === undefined;
    if (handlers.length > 0) (this.pipeline as Pipeline).addLast(...handlers);
    if (register) this.register();
  }

  /** Creates a channel with options. */
  static with<const Handlers extends readonly Handler[]>(
    options: EmbeddedChannelOptions,
    ...handlers: OrMisfit<Handlers, Chain<Handlers, unknown, unknown>>
  ): EmbeddedChannel<Handlers> {
    OPTIONS.checkNames(options);
    const given = handlers as readonly unknown[] as readonly Handler[];
    return new EmbeddedChannel<Handlers>(new EmbeddedSetup(options, given));
  }

  override get id(): string {
    return this.givenId ?? super.id;
  }

  // --- inbound ---

  /**
   * Reads messages as one burst: a `channelRead` for each message, then one `channelReadComplete`. Returns true if a message
   * waits for `readInbound`.
   */
  writeInbound(...messages: readonly unknown[]): boolean {
    this.ensureOpen();
    const { sink } = this.embedded;
    this.run(() => {
      try {
        for (const message of messages) sink.received(this.embedded.read(message));
        sink.readComplete();
      } finally {
        this.embedded.endBurst();
      }
    });
    this.checkException();
    return this.inboundMessages.length > 0;
  }

  /** Fires one `channelRead`, without the end of the burst. */
  writeOneInbound(message: unknown): this {
    this.ensureOpen();
    this.run(() => this.embedded.sink.received(message));
    return this;
  }

  /** Fires the end of the burst, and rethrows a recorded error. */
  flushInbound(): this {
    this.run(() => this.embedded.sink.readComplete());
    this.checkException();
    return this;
  }

  /** Returns the next message that passed all handlers. Throws an error if the message is not of the given class. */
  readInbound<T = ReadAfter<Handlers, unknown>>(type?: MessageClass<T>): NoInfer<T> | undefined {
    return checkType(this.inboundMessages.shift(), type);
  }

  /** Waits for the next message that passes all handlers. Rejects if the channel closes before a message arrives. */
  async waitForInbound<T = ReadAfter<Handlers, unknown>>(
    type?: MessageClass<T>,
  ): Promise<NoInfer<T>> {
    await this.arrival(this.inboundMessages);
    return this.readInbound(type)!;
  }

  /** Ends the peer's half of the connection. */
  endInput(): this {
    this.run(() => this.embedded.sink.inputEnded());
    return this;
  }

  // --- outbound ---

  /**
   * Writes messages and flushes once. Throws the first error of the writes. Returns true if a message waits for
   * `readOutbound`.
   */
  writeOutbound(...messages: readonly WriteAfter<Handlers, unknown>[]): boolean {
    this.ensureOpen();
    this.run(() => {
      const futures = messages.map((message) => this.write(message));
      this.flush();
      for (const future of futures) {
        future.onSettled((error) => {
          if (error !== undefined) this.recordException(error);
        });
      }
    });
    this.checkException();
    return this.outboundMessages.length > 0;
  }

  /** Writes a message without a flush. */
  writeOneOutbound(message: WriteAfter<Handlers, unknown>): this {
    this.ensureOpen();
    this.run(() => {
      this.write(message).onSettled((error) => {
        if (error !== undefined) this.recordException(error);
      });
    });
    return this;
  }

  /** Flushes, and rethrows a recorded error. */
  flushOutbound(): this {
    this.run(() => this.flush());
    this.checkException();
    return this;
  }

  /** Returns the next message that the transport received. Throws an error if the message is not of the given class. */
  readOutbound<T = unknown>(type?: MessageClass<T>): T | undefined {
    return checkType(this.outboundMessages.shift(), type);
  }

  /** Waits for the next message that the transport receives. Rejects if the channel closes before a message arrives. */
  async waitForOutbound<T = unknown>(type?: MessageClass<T>): Promise<T> {
    await this.arrival(this.outboundMessages);
    return this.readOutbound(type)!;
  }

  // --- time, errors, end ---

  /** Moves the clock forward and runs the timers that are due. */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  /** Runs the waiting tasks, without moving the clock. */
  runPendingTasks(): void {
    this.clock.runTasks();
  }

  /** Rethrows the first recorded error, once. */
  checkException(): void {
    const error = this.recorded;
    this.recorded = undefined;
    if (error !== undefined) throw error;
  }

  /**
   * Closes the channel, runs all tasks, and rethrows a recorded error. Cancels all timers if the clock is the channel's own.
   * Returns the messages that the test did not read.
   */
  finish(): LeftOver {
    const { pendingOutboundBytes } = this;
    this.close();
    if (this.ownsClock) this.clock.cancelTimers();
    this.checkException();
    const inbound = this.inboundMessages.splice(0);
    return { inbound, outbound: this.outboundMessages.splice(0), pendingOutboundBytes };
  }

  /** Keeps a message that passed the last handler. A subclass can keep messages elsewhere. */
  protected handleInboundMessage(message: unknown): void {
    this.inboundMessages.push(message);
    this.wake();
  }

  /** Keeps a message that the transport received. A subclass can keep messages elsewhere. */
  protected handleOutboundMessage(message: unknown): void {
    this.outboundMessages.push(message);
    this.wake();
  }

  /** Keeps an error that passed the last handler. A subclass can keep errors elsewhere. */
  protected handleException(error: Error): void {
    this.recordException(error);
  }

  /** Resolves when the list contains a message. */
  private async arrival(messages: readonly unknown[]): Promise<void> {
    while (messages.length === 0) {
      this.ensureOpen();
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
        this.onClosed(() => resolve());
      });
    }
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  private recordException(error: Error): void {
    if (this.recorded === undefined) this.recorded = error;
    else this.logger.log('warn', 'a second error while one was recorded', error);
  }

  private ensureOpen(): void {
    if (!this.isOpen) throw closedError(this.closeInfo!.reason, undefined);
  }
}

/** The class that a message must be an instance of. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor
export type MessageClass<T> = abstract new (...args: any[]) => T;

function checkType<T>(message: unknown, type: MessageClass<T> | undefined): T | undefined {
  if (message === undefined || type === undefined || message instanceof type) return message as T;
  throw new TypeError(`expected a ${type.name}, but the next message is ${eventText(message)}`);
}

/** A holder of options, which distinguishes them from handlers in the constructor. */
class EmbeddedSetup {
  readonly options: EmbeddedChannelOptions;
  readonly handlers: readonly Handler[];

  constructor(options: EmbeddedChannelOptions, handlers: readonly Handler[]) {
    this.options = options;
    this.handlers = handlers;
  }
}
