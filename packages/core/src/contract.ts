/**
 * The basic types of Headrace and the rules that they follow. Start reading here. This file contains only types, and the other
 * files of the core build on it.
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto';
import type { AttributeKey } from './contract/attribute-key.ts';
import type { Fitting, OrMisfit, ReadAfter, WriteAfter } from './contract/handler-chain.ts';
import type { HandlerEvents } from './contract/handler-events.ts';
import type { HandlerTypes } from './contract/handler-types.ts';
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

  /** Maximum length of a message in each direction, if the handler limits it. */
  readonly messageLimits?: MessageLimits | undefined;

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
  /** Called when the connection is up. */
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
  /** The handler in this place. */
  readonly handler: Handler;
  /** The channel of the pipeline. */
  readonly channel: Channel;
  /** The pipeline that contains the handler. */
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
  /** Returns the context of a handler. */
  context(ref: HandlerRef): Context | undefined;
  /** Returns the handler at the head. */
  first(): Handler | undefined;
  /** Returns the handler at the tail. */
  last(): Handler | undefined;
  /** Returns the context of the handler at the head. */
  firstContext(): Context | undefined;
  /** Returns the context of the handler at the tail. */
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

/** The reason why a channel closed. A handler may use a word of its own. */
export type CloseReason =
  | 'local' // close() was called without a reason
  | 'peer' // the peer ended the connection (FIN)
  | 'reset' // the peer reset it (RST)
  | 'unreachable' // the network gave up: time-out of retransmission or keepalive, no route
  | 'error' // an error that no handler caught, or one of the transport
  | 'bad-input' // the peer sent what the protocol does not allow
  | 'idle'
  | 'timeout'
  | 'unauthenticated'
  | 'replaced' // the same id came in on a newer connection
  | 'slow-consumer'
  | 'refused' // a limit or filter refused it
  | 'limit' // a limit on an established connection
  | 'heartbeat' // the peer did not answer
  | 'shutdown' // the server or client shuts down
  | (string & {});

/** Maximum lengths of messages, in bytes. A longer message would be refused, and would end the channel. */
export interface MessageLimits {
  /** Maximum length of an inbound message. @default no limit */
  readonly inbound?: number;
  /** Maximum length of an outbound message. @default no limit */
  readonly outbound?: number;
}

/** The end of a channel: the reason, the side that ended it, and the error. */
export interface CloseInfo {
  /** Reason for the close, a word for programs. */
  readonly reason: CloseReason;
  /** Side that ended the connection: this side, the peer, or the network between them. */
  readonly by: 'local' | 'peer' | 'network';
  /** Error that closed the channel, if an error closed it. */
  readonly error: Error | undefined;
}

/** The address of one end of a connection: an IP socket or a path (Unix socket, named pipe, in-memory name). */
export type Address =
  | { readonly host: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/** The parameters negotiated in a TLS handshake. */
export interface TlsInfo {
  /** Protocol version, for example `TLSv1.3`. */
  readonly protocol: string;
  /** Standard name of the cipher. */
  readonly cipher: string;
  /** Protocol that ALPN selected. */
  readonly alpn: string | undefined;
  /** Server name that the client requested. */
  readonly servername: string | undefined;
  /** Whether the peer sent a certificate that one of our authorities signed. */
  readonly isPeerVerified: boolean;
  /** Certificate that the peer sent, verified or not. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Whether the handshake resumed an earlier session, without an exchange of certificates. */
  readonly isResumed: boolean;
}

/** Typed values that belong to a channel. */
export interface Attributes {
  /** Returns the value of a key, or `undefined` if the key has no value. */
  get<T>(key: AttributeKey<T>): T | undefined;
  /** Sets a value and returns the previous value. `undefined` removes the value. */
  set<T>(key: AttributeKey<T>, value: T | undefined): T | undefined;
  /** Returns true if the key has a value. */
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
  /** Eight hexadecimal digits, unique in this process or among the channels of a simulation. */
  readonly id: string;
  /** Server channel that accepted this channel, or channel inside which it runs, such as HTTP for a WebSocket. */
  readonly parent: Channel | undefined;
  /** Pipeline of the channel's handlers. */
  readonly pipeline: Pipeline<R, W>;
  /** Values that handlers and the application keep for this channel. */
  readonly attributes: Attributes;
  /** Clock of the channel, a virtual one in tests. */
  readonly clock: Clock;
  /** Logger that receives the log lines of the channel. */
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
  /** Whether `end()`, `shutdown('output')` or `close()` was called, or the channel has closed. Pools skip such a channel. */
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

/**
 * A function that chooses members of a group. `elsewhere` can state the choice for channels in other processes, where the
 * function cannot be called.
 */
export interface ChannelMatcher {
  /** Returns true if the channel is chosen. */
  (channel: Channel): boolean;
  /**
   * Choice among the members in other processes. A plain function has no such choice and cannot be carried out there.
   * `ChannelMatchers.elsewhere` adds the choice. A group in one process ignores it.
   */
  readonly elsewhere?: 'all' | 'none';
  /** The only channels that the function can choose. A group calls the function for these channels, not for all members. */
  readonly only?: ReadonlySet<Channel>;
}

/**
 * Many channels that are written to together. The members are in one process, as those of the class `ChannelGroup`, or in many.
 * `size`, `has`, `close` and the iteration cover the members in this process. `add` and `remove` accept channels of this
 * process. Writes and flushes reach the chosen members in all processes. Without a matcher, all members are chosen.
 * {@link ChannelMatcher.elsewhere} is the choice among the members in other processes.
 *
 * A channel that closes leaves the group by itself. A failure of one member does not affect the others.
 *
 * @typeParam Message - messages to the members
 */
export interface Group<Message = unknown> extends Iterable<Channel> {
  /** Name for the log. A group in many processes has the same name in each process. */
  readonly name: string;
  /** Number of members in this process. */
  readonly size: number;
  /** Returns true if the channel is a member. */
  has(channel: Channel): boolean;
  /** Adds a channel. Returns true if the channel was not a member yet. A closed channel is not added. */
  add(channel: Channel): boolean;
  /** Removes a channel, which stays open. Returns true if the channel was a member. */
  remove(channel: Channel): boolean;
  /** Queues a message for the matching members. Throws a `TypeError` for `null` and `undefined`. */
  write(message: Message, matcher?: ChannelMatcher): GroupOutcome;
  /** Calls `write`, then `flush` for the same members. */
  writeAndFlush(message: Message, matcher?: ChannelMatcher): GroupOutcome;
  /** Sends the messages that were written to the matching members. */
  flush(matcher?: ChannelMatcher): void;
  /** Number of broadcasts that were accepted in this process and are not complete yet. */
  readonly backlog: number;
  /**
   * Calls `listener` once when the broadcasts that this process has accepted so far are complete, or at once if {@link backlog}
   * is 0. Later broadcasts can be waiting then.
   */
  onceDrained(listener: () => void): void;
  /** Closes the matching members. @default reason 'local' */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome;
}

/**
 * The outcome of an operation on a {@link Group}. It settles after the operations of all members in this process, and rejects if
 * one failed. The group's class defines the outcome for other processes. You may ignore the outcome.
 */
export interface GroupOutcome extends PromiseLike<void> {
  /** Whether the operation was carried out for every member in this process. Written messages are not necessarily sent. */
  readonly isBegun: boolean;
  /** Calls `listener` once when {@link isBegun} is true, or at once if it is true. */
  onceBegun(listener: () => void): void;
  /** Number of members in this process that the operation is for. */
  readonly size: number;
  /** Whether the operation has succeeded or failed for each of these members. */
  readonly isSettled: boolean;
  /** Whether the operation has succeeded for all of these members. */
  readonly isSuccess: boolean;
  /** Whether the operation has succeeded for some members, but not for all. */
  readonly isPartialSuccess: boolean;
  /** Whether the operation has failed for some members, but not for all. */
  readonly isPartialFailure: boolean;
}

/** A task that runs later and can be canceled. */
export interface Timer {
  /** Cancels the task. Further calls do nothing. */
  cancel(): void;
}

/** The shares of busy connections in the turns of an event loop. Channels use the `turns` of their {@link Clock}. */
export interface Turns {
  /**
   * Returns the time at which input that starts at `now` has used up its share of this turn. All busy connections share one
   * `budgetMs`. A connection that has not waited receives at least a quarter of `budgetMs`.
   *
   * @param now - time of the clock, in milliseconds
   */
  endOfShare(now: number, budgetMs: number): number;
  /**
   * Queues input whose share ended at `now`. Each turn resumes one connection, in the order of these calls.
   *
   * @param now - time of the clock, in milliseconds
   */
  wait(now: number, resume: () => void): void;
}

/** An entry that is due at a certain time. A clock keeps a very large number of entries with one timer. */
export interface DeadlineEntry {
  /** Time at which the entry is due, in milliseconds of the clock. Set by the clock. */
  deadline: number;
  /** Index of the entry in the clock's heap, or -1 outside the heap. Set by the clock. */
  heapIndex: number;
  /** Order of addition among entries with the same deadline. Set by the clock. */
  heapOrder: number;
  /** Whether the entry keeps the process alive until it expires or is removed. @default false */
  readonly keepsProcess?: boolean;
  /** Called outside any asynchronous context when the entry is due and has left the heap. The method must not throw. */
  expire(): void;
}

/** The deadlines of a {@link Clock}. One timer serves the deadlines of all connections and calls. */
export interface Deadlines {
  /** Sets an entry to be due `delayMs` from now, or never with `Infinity`. An entry that was added before is moved. */
  add(entry: DeadlineEntry, delayMs: number): void;
  /** Removes an entry. Does nothing if the entry is not in the heap. */
  remove(entry: DeadlineEntry): void;
  /**
   * Runs a task once after `delayMs`, as `clock.schedule` does. Use it for tasks of which many can be due at the same time,
   * because a peer, or a failure of all peers, starts them. For a deadline of a channel, use `ctx.deadline`.
   */
  schedule(task: () => void, delayMs: number): Timer;
}

/**
 * Whether the time of a deadline stands still while reads are held, or while auto-read is off and no input is requested. Use
 * `'stands'` for a deadline by which the peer must send data. Use `'runs'` for output, for our own waits, and for a deadline
 * that limits the resources of a stranger.
 */
export type WhileHeld = 'stands' | 'runs';

/** The length of a deadline, and whether its time can stand still. */
export interface DeadlineRule {
  /** Length of the deadline in milliseconds, `Infinity` for never. */
  readonly ms: number;
  readonly whileHeld: WhileHeld;
}

/**
 * The only source of time and of turns of the event loop. Tests replace it with a virtual clock. A clock of your own that wraps
 * another clock, such as `systemClock`, must pass each call on and have its `turns` and `deadlines`. The channels of both clocks
 * then share the event loop as with one clock.
 */
export interface Clock {
  /** Returns the monotonic time, in milliseconds. */
  now(): number;
  /** Returns the milliseconds since 1970, UTC. The value can jump when the time of the machine is set. */
  timeOfDay(): number;
  /** Runs a task once after `delayMs`. Does not keep the process alive unless `ref` is true. */
  schedule(task: () => void, delayMs: number, ref?: boolean): Timer;
  /** Runs a task soon, after the current event. */
  execute(task: () => void): void;
  /** Runs a task in the next turn of the event loop, after the sockets and timers that are due. */
  nextTurn(task: () => void): void;
  /** Shares of the connections in the turns. All clocks of one event loop have the same object. */
  readonly turns: Turns;
  /**
   * Deadlines of connections and calls, with one timer. A timer for each would take 230 bytes more. Deadlines that are due
   * together are called in turns of the event loop. Deadlines use the time of the clock to which they belong.
   */
  readonly deadlines: Deadlines;
  /**
   * Returns a number from 0 to 2^32 - 1 for the id of a new channel. A simulation counts its own channels, so that a seed also
   * decides their ids. @default the next number of this process
   */
  channelNumber?(): number | undefined;
}

/** The importance of a log line, from `debug` for ordinary events to `error` for a fault of the program. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * The destination of the framework's log lines. A line and an error can contain text that a peer sent, with line breaks and control
 * characters. `stderrLogger` and pino escape them. A logger of your own must do so, too, for example by JSON.
 */
export interface Logger {
  /** Called for every line, at any level. If the method throws an error, the process emits a warning. */
  log(level: LogLevel, message: string, error?: Error): void;
}

/**
 * Output that is not one Buffer and can write its own bytes, such as a length and a body. Only the transport copies the bytes.
 */
export interface ByteSource {
  /** Number of bytes that the source writes. */
  readonly byteLength: number;
  /** Writes all `byteLength` bytes into `target` at `offset`. */
  writeTo(target: Uint8Array, offset: number): void;
  /**
   * Appends the same bytes to a list, without copying bytes that are in memory. A transport that writes lists calls this method
   * instead of `writeTo` for a large message. @default all bytes are copied
   */
  appendTo?(buffers: Uint8Array[]): void;
  /**
   * Whether the bytes are outside the memory of a read and are kept in any case. If true, they are not copied while they wait
   * behind a slow peer. @default false: a short source is copied, which releases the memory of its read
   */
  readonly ownsMemory?: boolean;
}

/** A message that a byte transport accepts. */
export type OutboundBytes = Uint8Array | ByteSource;
