/**
 * The types of handlers, pipelines and channels, and the rules that they follow. Start reading here. Groups, clocks and the other
 * types are in the folder `contract`. These files contain only types, and the class of attribute keys.
 *
 * @module
 */

import type { AttributeKey } from './contract/attribute-key.ts';
import type { Clock, DeadlineRule, Timer } from './contract/clock.ts';
import type { Address, CloseInfo, CloseReason } from './contract/connection.ts';
import type { Fitting, OrMisfit, ReadAfter, WriteAfter } from './contract/handler-chain.ts';
import type { HandlerEvents } from './contract/handler-events.ts';
import type { HandlerTypes } from './contract/handler-types.ts';
import type { Logger } from './contract/logger.ts';
import type { MessageKinds } from './contract/message-kinds.ts';
import type { ReadMemory } from './transport/read-memory.ts';

/** The result of a handler method. If a handler returns a promise, a rejection counts as an error that the handler threw. */
export type Handled = void | PromiseLike<void>;

/** A half of a connection: `input` carries bytes from the peer, `output` carries bytes to the peer. */
export type Direction = 'input' | 'output';

/**
 * One step of a pipeline. Every method is optional. The pipeline skips a handler that lacks the method, without a call. The
 * pipeline calls the methods one after the other, on the event loop. To pass an event on, call the method of the same name on
 * the context (`fire…` for inbound events).
 *
 * An error thrown in an inbound method, in `read` or in `flush` reaches the same handler's `exceptionCaught`. An error thrown in
 * `write`, `shutdown` or `close` fails the returned future instead.
 *
 * @typeParam T - the handler's {@link Types}; with `class Upper implements Handler<Upper['types']>`, the compiler checks the
 *   methods against these types in the class itself, and otherwise only in `addLast`
 * @see Netty's `ChannelInboundHandler` and `ChannelOutboundHandler`; one interface as in Netty 5
 */
export interface Handler<T extends HandlerTypes = HandlerTypes> {
  /** Message types of the handler, for the compiler only: `declare readonly types: Types<{ … }>`. */
  readonly types?: T;

  /**
   * Kinds of messages that the handler reads and produces, if it accepts no other kinds. A template refuses an order that cannot
   * work. Error texts name the handler that produced a message.
   */
  readonly messageKinds?: MessageKinds | undefined;

  /**
   * User events that the handler fires, and user events that it answers. Adding a handler fails with `PIPELINE_ORDER` if an
   * event that a handler answers would be fired only by a handler after it.
   */
  readonly userEvents?: HandlerEvents | undefined;

  /**
   * False if this handler needs no view of the bytes that it reads after its `channelRead` has returned. Their memory is then
   * used again for the reads of other connections. The handler promises, also for each function that it calls:
   *
   * - It passes the bytes on with `ctx.fireChannelRead`, writes them with `ctx.write`, or copies them for later
   *   (`Buffer.from(bytes)`). Nothing else keeps them: no field, closure, promise, event, other pipeline or queue of its own.
   * - If it has `messageKinds` that turn bytes into other messages, these messages have no views of the bytes.
   *
   * Reads allocate no memory if all handlers up to the one that turns bytes into other messages declare this. A class declares it
   * with a getter and `rememberMethods`, for itself and its own methods alone; a subclass, object literal, Proxy or own field
   * declares nothing, and neither does a replaced method. The value stays the same.
   * @default true
   */
  readonly keepsReads?: boolean;
  /**
   * Whether this handler holds `channelActive` back at present, because it needs bytes or time before the connection is of use to the
   * handlers after it. It passes the event on later, or never, and then passes no `channelInactive` on either. Meanwhile,
   * `channel.isActive` is true, but `ctx.isActive` of the handlers after it is false.
   * @default false
   */
  readonly holdsActive?: boolean;
  /** Whether one instance may be in many pipelines. The value must not be true for a handler with state of one channel. */
  readonly sharable?: boolean;
  /**
   * Returns a handler of the same class with the same options, for another channel. A template accepts a handler with this
   * method, and creates a handler for each channel.
   */
  fresh?(): Handler;

  /**
   * Called when the handler is in the pipeline of a registered channel, before any other event. The handler may write. Output
   * that is flushed before the connection is up is sent as soon as it is up, and fails if the channel closes earlier.
   */
  handlerAdded?(ctx: Context<T>): void;
  /** Called when the handler was removed. The handler can still pass on the messages that it holds, through `ctx`. */
  handlerRemoved?(ctx: Context<T>): void;

  /** Called once when the channel has started, before `channelActive`. Its transport is open or is connecting. */
  channelRegistered?(ctx: Context<T>): Handled;
  /** Called when the connection is up, and no handler before this one holds the event back (`holdsActive`). */
  channelActive?(ctx: Context<T>): Handled;
  /** Called for each inbound message. */
  channelRead?(ctx: Context<T>, message: T['reads']): Handled;
  /** Called when a burst of input has been read. This is the moment to flush. */
  channelReadComplete?(ctx: Context<T>): Handled;
  /** Called when `channel.isWritable` has changed. */
  channelWritabilityChanged?(ctx: Context<T>): Handled;
  /** Called when another handler or the application announces an event. The class of the event describes it. */
  userEventTriggered?(ctx: Context<T>, event: unknown): Handled;
  /** Called when one half of the connection was shut down (only with `allowHalfOpen`). */
  channelShutdown?(ctx: Context<T>, direction: Direction): Handled;
  /** Called when the connection has ended, if the channel was active. No input and no output follows. */
  channelInactive?(ctx: Context<T>): Handled;
  /** Called as the last event of a channel. Afterwards, the handlers are removed, the last one first. */
  channelUnregistered?(ctx: Context<T>): Handled;
  /** Called when this handler or an earlier handler threw an error, or when the connection failed. */
  exceptionCaught?(ctx: Context<T>, error: Error): Handled;

  /** Called when more input is requested. */
  read?(ctx: Context<T>): Handled;
  /** Called for each outbound message. Returns `ctx.write(…)` of the encoded message. */
  write?(ctx: Context<T>, message: T['accepts']): WriteFuture | PromiseLike<void>;
  /** Called to send earlier writes to the peer. */
  flush?(ctx: Context<T>): Handled;
  /** Called to shut down one half of the connection. */
  shutdown?(ctx: Context<T>, direction: Direction): WriteFuture | PromiseLike<void>;
  /** Called to close the connection. */
  close?(ctx: Context<T>, reason: CloseReason): WriteFuture | PromiseLike<void>;
}

/** The inbound events. Each event starts at the next handler towards the tail. */
export interface InboundInvoker {
  /** Passes {@link Handler.channelRegistered} on. */
  fireChannelRegistered(): void;
  /** Passes {@link Handler.channelActive} on. */
  fireChannelActive(): void;
  /** Passes a message on. The hook `unhandledMessage` receives a message that passes the last handler. */
  fireChannelRead(message: unknown): void;
  /** Passes {@link Handler.channelReadComplete} on. With `autoRead`, a `read()` follows after the last handler. */
  fireChannelReadComplete(): void;
  /** Passes {@link Handler.channelWritabilityChanged} on. */
  fireChannelWritabilityChanged(): void;
  /** Announces an event to the handlers that follow. By convention, each kind of event is a class. */
  fireUserEventTriggered(event: unknown): void;
  /** Passes {@link Handler.channelShutdown} on. */
  fireChannelShutdown(direction: Direction): void;
  /** Passes {@link Handler.channelInactive} on. */
  fireChannelInactive(): void;
  /** Passes {@link Handler.channelUnregistered} on. */
  fireChannelUnregistered(): void;
  /**
   * Passes an error on. The hook `unhandledException` receives an error that passes the last handler. The channel then closes.
   */
  fireExceptionCaught(error: Error): void;
}

/** The outbound operations. Each operation starts at the next handler towards the head. */
export interface OutboundInvoker {
  /** Requests more input. This is needed only while `autoRead` is off. */
  read(): void;
  /**
   * Queues a message. Nothing is sent before `flush`. Throws a `TypeError` for `null` and `undefined`.
   *
   * The future fails with `MESSAGE_NOT_ENCODABLE` if neither a handler nor the transport accepts the message, and with
   * `OUTBOUND_FULL` if too much output waits. It fails with `OUTPUT_SHUTDOWN` after `end()`, and with `CHANNEL_CLOSED` if the
   * channel has closed or closes before the message is sent. Errors of handlers also fail the future.
   */
  write(message: unknown): WriteFuture;
  /** Sends the written messages, at the earliest when the connection is up. */
  flush(): void;
  /** Writes a message and flushes, even if the write failed. Returns the future of the write. */
  writeAndFlush(message: unknown): WriteFuture;
  /** Shuts down one half of the connection. `output` is shut down after all flushed output. @default output */
  shutdown(direction?: Direction): WriteFuture;
  /**
   * Closes the connection at once. Output that the kernel has taken still arrives, but other writes fail. See
   * {@link Channel.end}.
   */
  close(reason?: CloseReason): WriteFuture;
}

/**
 * A handler's place in one pipeline, which gives access to its neighbors, its channel and the clock.
 *
 * @typeParam T - the handler's {@link Types}, for example `Context<Upper['types']>`; the compiler then checks the messages that
 *   the handler fires and writes, but not on a plain `Context`
 */
export interface Context<T extends HandlerTypes = HandlerTypes>
  extends InboundInvoker,
    OutboundInvoker {
  /** Name of the handler, unique in its pipeline. */
  readonly name: string;
  readonly handler: Handler;
  readonly channel: Channel;
  readonly pipeline: Pipeline;
  /** Clock of the channel. An error that a task throws reaches this handler's `exceptionCaught`. */
  readonly clock: Clock;
  /**
   * Calls `over` once, in `rule.ms` milliseconds, unless the timer is canceled or the channel closes earlier. An error that
   * `over` throws reaches this handler's `exceptionCaught`. The handler must cancel the timer when it is removed.
   */
  deadline(rule: DeadlineRule, over: () => void): Timer;
  /** Passes a message to the next handler towards the tail. */
  fireChannelRead(message: T['mayFire']): void;
  /** Writes a message through the handlers towards the head. */
  write(message: T['mayWrite']): WriteFuture;
  /** Calls `write`, then `flush`. */
  writeAndFlush(message: T['mayWrite']): WriteFuture;
  /**
   * Whether the channel is active, and no handler before this one holds `channelActive` back. A handler that starts its work in
   * `channelActive` asks this in `handlerAdded`: if it is false, `channelActive` will follow.
   */
  readonly isActive: boolean;
  /** Whether the handler has been removed. The context of a removed handler still forwards to its former neighbors. */
  readonly isRemoved: boolean;
  /**
   * Adds `delta` bytes to the output that this handler holds, or subtracts them if negative. The held output counts towards
   * writability.
   */
  addPendingOutboundBytes(delta: number): void;
  /**
   * Reports the failure of a future that the handler created itself to the channel's `writeFailed` hook, unless the future is
   * observed before the next turn of the event loop.
   */
  reportFailure(future: WriteFuture, error: Error): void;
}

/** The class of a handler. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor
export type HandlerClass<T extends Handler = Handler> = abstract new (...args: any[]) => T;

/**
 * A reference to a handler: its name, the instance, or its class. A class refers to its first handler from the head, including
 * handlers of subclasses.
 */
export type HandlerRef = string | Handler | HandlerClass;

/**
 * The handlers of one channel, in order. Inbound events pass from the head (the transport) to the tail (the application),
 * outbound operations from the tail to the head. A pipeline may be changed at any time, even by a handler during an event.
 *
 * @typeParam R - messages that the next handler at the tail reads, or `unknown`
 * @typeParam W - messages that the next handler at the tail may write
 * @see Netty's `ChannelPipeline`
 */
export interface Pipeline<R = unknown, W = unknown> extends InboundInvoker, OutboundInvoker {
  /** The channel of the pipeline. It never changes. */
  readonly channel: Channel;
  /** For the compiler only, to distinguish a pipeline of strings from a pipeline of numbers. */
  readonly reads?: R;

  /** Writes a message from the tail, through all handlers. */
  write(message: W): WriteFuture;
  /** Calls `write`, then `flush`. */
  writeAndFlush(message: W): WriteFuture;

  /**
   * Appends handlers, or one handler under a name of your own: `addLast('name', handler)`. Throws a `PipelineError` if the name
   * is taken. The compiler checks that the message types of neighboring handlers fit.
   */
  // One signature with a mapped type makes the compiler report an error at the handler that does not fit.
  addLast<const Args extends readonly (Handler | string)[]>(
    ...handlers: OrMisfit<Args, Fitting<Args, R, W>>
  ): Pipeline<ReadAfter<Args, R>, WriteAfter<Args, W>>;
  /** Adds handlers at the head, in the order of the arguments. The compiler checks only `addLast`. */
  addFirst(...handlers: readonly Handler[]): Pipeline;
  /** Adds one handler at the head, under a name of your own. */
  addFirst(name: string, handler: Handler): Pipeline;
  /** Adds a handler before another handler, nearer to the head. The default name is generated, for example `Class#0`. */
  addBefore(base: HandlerRef, handler: Handler, name?: string): Pipeline;
  /** Adds a handler after another handler, nearer to the tail. */
  addAfter(base: HandlerRef, handler: Handler, name?: string): Pipeline;
  /** Removes a handler and returns it. Throws a `PipelineError` if the handler is missing. */
  remove(ref: HandlerRef): Handler;
  /** Removes a handler and returns it, or returns `undefined` if the handler is missing. */
  removeIfExists(ref: HandlerRef): Handler | undefined;
  /** Removes the handler at the head. Throws a `PipelineError` if the pipeline is empty. */
  removeFirst(): Handler;
  /** Removes the handler at the tail. Throws a `PipelineError` if the pipeline is empty. */
  removeLast(): Handler;
  /** Replaces a handler with `handler`, and returns the old handler. The default name is generated. */
  replace(ref: HandlerRef, handler: Handler, name?: string): Handler;

  /** Returns the first handler of a class or of its subclasses. */
  get<T extends Handler>(type: HandlerClass<T>): T | undefined;
  /** Returns a handler by its name, class or instance. */
  get(ref: HandlerRef): Handler | undefined;
  context(ref: HandlerRef): Context | undefined;
  /** Returns the handler at the head. */
  first(): Handler | undefined;
  /** Returns the handler at the tail. */
  last(): Handler | undefined;
  firstContext(): Context | undefined;
  lastContext(): Context | undefined;
  /** Returns a snapshot of the handlers' names, from head to tail. */
  names(): string[];
  /** Returns a snapshot of the names and handlers, from head to tail. */
  toMap(): Map<string, Handler>;
  /** Iterates over a snapshot of the names and handlers, from head to tail. */
  [Symbol.iterator](): Iterator<[string, Handler]>;

  /**
   * Reports a failure as {@link Context.reportFailure} does, for code outside the pipeline, such as a group that holds writes.
   */
  reportFailure(future: WriteFuture, error: Error): void;
}

/**
 * The outcome of a write, shutdown or close. You may ignore it. The channel's `writeFailed` hook receives an unobserved failure,
 * which never becomes an unhandled rejection. A promise is created only when you await the future. The writes of one flush can
 * share a future.
 */
export interface WriteFuture extends PromiseLike<void> {
  /** Whether the operation has succeeded or failed. */
  readonly isSettled: boolean;
  /** Whether the operation has succeeded. A write has succeeded when the kernel has taken its bytes. */
  readonly isSuccess: boolean;
  /** Error of a failed operation. Reading this property counts as observing the failure. */
  readonly error: Error | undefined;
  /**
   * Whether some bytes of a failed write might have been sent. If false, the transport received no byte of the message, and a
   * second attempt cannot send it twice.
   */
  readonly mayHaveLeft: boolean;
  /**
   * Calls `listener` when the future settles, or at once if it has settled. Listeners are called in order, without a promise.
   */
  onSettled(listener: (error: Error | undefined) => void): void;
  /**
   * Calls `listener` as `onSettled` does, but the failure still counts as unobserved. The `writeFailed` hook receives the
   * failure, unless another listener observes it.
   */
  peekSettled(listener: (error: Error | undefined) => void): void;
  /** Creates a promise and calls its `catch`. */
  catch<T = never>(
    onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null,
  ): Promise<void | T>;
  /** Creates a promise and calls its `finally`. */
  finally(onFinally?: (() => void) | null): Promise<void>;
}

/** A hold on a channel's reads, see {@link Channel.holdReads}. */
export interface ReadHold {
  /** Reason that was passed to {@link Channel.holdReads}. */
  readonly why: string;
  /** Ends this hold. Further calls do nothing. */
  release(): void;
}

/** Typed values that belong to a channel. */
export interface Attributes {
  /** Returns the value of a key, or `undefined` if the key has no value. */
  get<T>(key: AttributeKey<T>): T | undefined;
  /** Sets a value and returns the previous value. `undefined` removes the value. */
  set<T>(key: AttributeKey<T>, value: T | undefined): T | undefined;
  has(key: AttributeKey<unknown>): boolean;
}

/** Options of {@link Channel.write}. */
export interface WriteOptions {
  /** Signal that cancels the write if it aborts before the flush. @default never */
  readonly signal?: AbortSignal;
}

/** Options of {@link Channel.end}. */
export interface EndOptions {
  /**
   * Time without progress of the output, and then time for the peer to end its half, in milliseconds. While flushed output waits
   * for the peer, `outboundStallMs` decides instead.
   * @default 2000
   */
  readonly lingerMs?: number;
  /** Reason for the close. @default 'local' */
  readonly reason?: CloseReason;
}

/**
 * One connection or one listening socket, with its pipeline, its state and its output.
 *
 * ```text
 *           register          connected            end()              closed: by close(), abort(), an error,
 *  made ─────────────▶ registered ─────▶ active ─────────▶ lingering ──────┐  the peer's end, or its time
 *             channelRegistered │  channelActive │                         ▼
 *                               └────────────────┴──────────────────▶ closed ──────────────────▶ unregistered
 *                                                                      channelInactive, if it was active;
 *                                                                      channelUnregistered; handlerRemoved
 *
 *  isRegistered:  registered … closed      isActive:  active, lingering      isOpen:  before closed
 * ```
 *
 * `channelInactive` never runs inside `close()`, but in the next task. `closeInfo` is set at once.
 *
 * @typeParam R - messages that the first handler reads from the transport
 * @typeParam W - messages that the transport accepts
 */
export interface Channel<R = unknown, W = unknown>
  extends OutboundInvoker,
    AsyncIterable<R>,
    AsyncDisposable {
  /** Eight hexadecimal digits, unique in this process, or among the channels of a virtual clock. */
  readonly id: string;
  /** Server channel that accepted this channel, or channel inside which it runs, such as HTTP for a WebSocket. */
  readonly parent: Channel | undefined;
  readonly pipeline: Pipeline<R, W>;
  /** Values that handlers and the application keep for this channel. */
  readonly attributes: Attributes;
  /** Clock of the channel, a virtual one in tests. */
  readonly clock: Clock;
  readonly logger: Logger;
  /** Address of our end, readable even after the close. */
  readonly localAddress: Address | undefined;
  /** Address of the peer's end, readable even after the close. `undefined` for a listening channel. */
  readonly remoteAddress: Address | undefined;

  /** Whether the channel has not closed. A channel that is connecting is open. */
  readonly isOpen: boolean;
  /** Whether the channel is between `channelRegistered` and the end of `channelUnregistered`. */
  readonly isRegistered: boolean;
  /** Whether the connection is up, so that the pipeline receives input and sends output. */
  readonly isActive: boolean;
  /** Whether the application may write. If false, too much output waits. Do not write until `channelWritabilityChanged`. */
  readonly isWritable: boolean;
  /** Whether no more input is read, because the peer has ended its half, we have shut it down, or the channel has closed. */
  readonly isInputShutdown: boolean;
  /** Whether our half has been shut down, or the channel has closed. */
  readonly isOutputShutdown: boolean;
  /**
   * Whether `end()`, `shutdown('output')` or `close()` was called, the channel follows the end of the peer, or it has closed. Pools
   * skip such a channel.
   */
  readonly isEnding: boolean;
  /**
   * Whether the channel drops further input: after `end()`, after our own `shutdown('input')`, and after the close. At this
   * point, a handler that makes many messages from one input stops.
   */
  readonly discardsInput: boolean;
  /** Whether this is a listening channel, whose messages are the channels that it accepts. */
  readonly isServer: boolean;

  /**
   * Whether the channel reads automatically (default), or only after `read()`. Only the application sets it. Handlers use
   * {@link holdReads}.
   */
  autoRead: boolean;
  /**
   * Stops reading until the returned hold and all other holds are released. A handler calls this method when it cannot accept
   * more input. Holds are counted, so that several handlers do not disturb each other. `autoRead` does not change. Decoders stop
   * after the message during which the hold was taken.
   *
   * @param why - reason for {@link readHolds}, in one or two words, such as the name of the handler
   */
  holdReads(why: string): ReadHold;
  /** Whether any hold is active. */
  readonly isReadHeld: boolean;
  /** Reasons for the active holds, the oldest first. */
  readonly readHolds: readonly string[];
  /**
   * Total time without reading, in milliseconds, including the present period. Reads were held, or auto-read was off and no
   * input was requested. Deadlines for input do not run during this time.
   */
  readonly readHeldMs: number;
  /**
   * Calls `listener` once when no hold is active, or at once if there is none. Listeners are called in order, before the next
   * read, but not if the channel closes first. A listener must check {@link isReadHeld} again, because an earlier listener might
   * have taken a hold.
   */
  onceReadable(listener: () => void): void;
  /**
   * Returns true if the input of this connection has used up its time in this turn of the event loop (`readBudgetMs`). Reads are
   * then held until the connection's next turn. Handlers that make many messages from one read call it every few messages.
   */
  checkTurn(): boolean;
  /**
   * Calls `listener` in the connection's next turn of the event loop, or at once if the connection has time left in this turn.
   * The call is made even after a close, because the handlers are removed only after the last of these calls.
   */
  onNextTurn(listener: () => void): void;
  /**
   * Memory that receives the input of this channel, for decoders that know the length of the current message. A handler that
   * does not use it may keep views of its input forever.
   */
  readonly readMemory: ReadMemory;
  /** Number of written bytes that the kernel has not taken yet, with a fixed overhead for each message. */
  readonly pendingOutboundBytes: number;
  /** Number of bytes that can be written before {@link isWritable} becomes false, or 0 if it is false. */
  readonly bytesBeforeUnwritable: number;
  /** Number of bytes that must be sent before {@link isWritable} becomes true, or 0 if it is true. */
  readonly bytesBeforeWritable: number;
  /** A number that changes when the transport accepts output. It distinguishes a slow write from a stuck write. */
  readonly outboundProgress: number;

  /** Promise that resolves when the channel has closed. It never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Reason for the close, with details. `undefined` while the channel is open. */
  readonly closeInfo: CloseInfo | undefined;
  /** Calls `listener` once when the channel has closed, or at once if it is closed. No promise is created. */
  onClosed(listener: (channel: Channel) => void): void;
  /** Removes a listener of {@link onClosed}. */
  offClosed(listener: (channel: Channel) => void): void;
  /** Calls `listener` once when the channel is writable or closed, or at once if it is either now. */
  onceWritable(listener: () => void): void;

  /**
   * Writes a message, see {@link OutboundInvoker.write}. If the signal aborts before the flush, the write fails and is not sent.
   */
  write(message: W, options?: WriteOptions): WriteFuture;
  /** Calls `write`, then `flush`. */
  writeAndFlush(message: W, options?: WriteOptions): WriteFuture;
  /**
   * Flushes, ends our half after all output, and discards further input. The channel closes when the peer has ended its half, or
   * `lingerMs` after the output was sent. A peer that reads slowly receives all output. If output is cut, the connection is reset.
   */
  end(options?: EndOptions): WriteFuture;
  /** Resets the connection (with an RST if the transport can send one). */
  abort(reason?: CloseReason): WriteFuture;

  /**
   * Iterates over the messages that pass the last handler, in one loop: `for await (const message of channel)`. An error follows
   * the messages before it, and the end is last. Reading stops while ten messages wait. Leaving the loop early closes the
   * channel. If the loop starts after the first message was read, a `PipelineError` is thrown.
   */
  [Symbol.asyncIterator](): AsyncIterator<R>;
  /** Calls {@link Channel.end}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
