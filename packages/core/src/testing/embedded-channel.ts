import {
  CHANNEL_OPTIONS,
  type ChannelHooks,
  type ChannelOptions,
  resolveChannelOptions,
} from '../channel/channel-options.ts';
import { closedError } from '../channel/close-cause.ts';
import type { Address, Channel, Handler, Pipeline } from '../contract.ts';
import type { Chain, OrMisfit, ReadAfter, WriteAfter } from '../handler-chain.ts';
import { silentLogger } from '../log/stderr-logger.ts';
import { flag, unchecked } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { EmbeddedTransport } from './embedded-transport.ts';
import { eventText } from './record-events.ts';
import { VirtualChannel } from './virtual-channel.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Options of an {@link EmbeddedChannel}. */
export interface EmbeddedChannelOptions extends Omit<ChannelOptions, 'clock'> {
  /** Share a clock with other channels. @default a clock of its own */
  readonly clock?: VirtualClock;
  /** `false` leaves it to the test to call `register()`. @default true */
  readonly register?: boolean;
  /** The channel that accepted this one, or that carries it. @default none */
  readonly parent?: Channel;
  /** Our end. @default { path: 'embedded' } */
  readonly localAddress?: Address;
  /** The peer's end. @default { path: 'embedded' } */
  readonly remoteAddress?: Address;
  /** The channel's id. @default made up, as for every channel */
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

/** The messages and bytes that a finished channel still had. */
export interface LeftOver {
  /** Messages that passed the last handler and were not read. */
  readonly inbound: unknown[];
  /** Messages that reached the transport and were not read. */
  readonly outbound: unknown[];
  /** Bytes that were written, but not flushed or not taken; they failed. */
  readonly pendingOutboundBytes: number;
}

/**
 * A channel without a socket, on virtual time, for tests: put messages in at the head, look at what comes
 * out at the tail, and the other way round.
 *
 * @example
 * ```ts
 * const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }));
 * channel.writeInbound(Buffer.from('hello\n'));
 * channel.readInbound(); // Buffer of "hello"
 * ```
 * @typeParam Handlers - those that it was made with; the types of its messages follow from them
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
  /** @internal use {@link EmbeddedChannel.with} */
  constructor(setup: EmbeddedSetup);
  constructor(...args: readonly (Handler | EmbeddedSetup)[]) {
    const given = args[0] instanceof EmbeddedSetup ? args[0] : undefined;
    const { options, handlers } = given ?? new EmbeddedSetup({}, args as readonly Handler[]);
    const transport = new EmbeddedTransport((message) => this.handleOutboundMessage(message));
    const { clock = new VirtualClock(), ...rest } = options;
    const { register, parent, id } = OPTIONS.part(options);
    if (rest.localAddress !== undefined) transport.localAddress = rest.localAddress;
    if (rest.remoteAddress !== undefined) transport.remoteAddress = rest.remoteAddress;
    // Keeps what passed the last handler, unless the test has hooks of its own.
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

  /** A channel with options. */
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

  /** Reads messages as one burst: each a `channelRead`, then one `channelReadComplete`. True if any reached the tail. */
  writeInbound(...messages: readonly unknown[]): boolean {
    this.ensureOpen();
    const { sink } = this.embedded;
    this.run(() => {
      for (const message of messages) sink.received(message);
      sink.readComplete();
    });
    this.checkException();
    return this.inboundMessages.length > 0;
  }

  /** One `channelRead`, without the end of the burst. */
  writeOneInbound(message: unknown): this {
    this.ensureOpen();
    this.run(() => this.embedded.sink.received(message));
    return this;
  }

  /** The end of the burst. */
  flushInbound(): this {
    this.run(() => this.embedded.sink.readComplete());
    this.checkException();
    return this;
  }

  /** The next message that passed all handlers; with a class, an error if it is something else. */
  readInbound<T = ReadAfter<Handlers, unknown>>(type?: MessageClass<T>): NoInfer<T> | undefined {
    return checkType(this.inboundMessages.shift(), type);
  }

  /** Waits for the next message that passes all handlers; rejects when the channel closes without one. */
  async waitForInbound<T = ReadAfter<Handlers, unknown>>(
    type?: MessageClass<T>,
  ): Promise<NoInfer<T>> {
    await this.arrival(this.inboundMessages);
    return this.readInbound(type)!;
  }

  /** The peer ends its half. */
  endInput(): this {
    this.run(() => this.embedded.sink.inputEnded());
    return this;
  }

  // --- outbound ---

  /** Writes messages and flushes once. Throws the first write's failure. True if anything came out. */
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

  /** A write without a flush. */
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

  /** The next message that the transport took; with a class, an error if it is something else. */
  readOutbound<T = unknown>(type?: MessageClass<T>): T | undefined {
    return checkType(this.outboundMessages.shift(), type);
  }

  /** Waits for the next message that the transport takes; rejects when the channel closes without one. */
  async waitForOutbound<T = unknown>(type?: MessageClass<T>): Promise<T> {
    await this.arrival(this.outboundMessages);
    return this.readOutbound(type)!;
  }

  // --- time, errors, end ---

  /** Moves the clock and runs what is due. */
  advance(ms: number): void {
    this.clock.advance(ms);
  }

  /** Runs the tasks that wait; the clock does not move. */
  runPendingTasks(): void {
    this.clock.runTasks();
  }

  /** Rethrows the first error that reached the tail, once. */
  checkException(): void {
    const error = this.recorded;
    this.recorded = undefined;
    if (error !== undefined) throw error;
  }

  /** Closes, runs all tasks, cancels all timers, rethrows a recorded error, and returns what was not read. */
  finish(): LeftOver {
    const { pendingOutboundBytes } = this;
    this.close();
    if (this.ownsClock) this.clock.cancelTimers();
    this.checkException();
    const inbound = this.inboundMessages.splice(0);
    return { inbound, outbound: this.outboundMessages.splice(0), pendingOutboundBytes };
  }

  /** Keeps a message that passed the last handler; override to keep it elsewhere. */
  protected handleInboundMessage(message: unknown): void {
    this.inboundMessages.push(message);
    this.wake();
  }

  /** Keeps a message that the transport took; override to keep it elsewhere. */
  protected handleOutboundMessage(message: unknown): void {
    this.outboundMessages.push(message);
    this.wake();
  }

  /** Keeps an error that passed the last handler; override to keep it elsewhere. */
  protected handleException(error: Error): void {
    this.recordException(error);
  }

  /** Resolves when there is a message in the list. */
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

/** The class that a message must be of. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor
export type MessageClass<T> = abstract new (...args: any[]) => T;

function checkType<T>(message: unknown, type: MessageClass<T> | undefined): T | undefined {
  if (message === undefined || type === undefined || message instanceof type) return message as T;
  throw new TypeError(`expected a ${type.name}, but the next message is ${eventText(message)}`);
}

/** Tells options from handlers in the constructor. */
class EmbeddedSetup {
  readonly options: EmbeddedChannelOptions;
  readonly handlers: readonly Handler[];

  constructor(options: EmbeddedChannelOptions, handlers: readonly Handler[]) {
    this.options = options;
    this.handlers = handlers;
  }
}
