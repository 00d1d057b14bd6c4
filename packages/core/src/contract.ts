/**
 * The nouns of Headrace: start reading here. Types and their promises only; every other file of the
 * core points down to this one.
 *
 * @module
 */

import type { X509Certificate } from 'node:crypto';
import type { AttributeKey } from './attribute-key.ts';
import type { Fitting, OrMisfit, ReadAfter, WriteAfter } from './handler-chain.ts';
import type { HandlerEvents } from './handler-events.ts';
import type { HandlerTypes } from './handler-types.ts';
import type { MessageKinds } from './message-kinds.ts';
import type { ReadMemory } from './transport/read-memory.ts';

/** An event or operation handler may also return a promise; its rejection counts as a throw of that handler. */
export type Handled = void | PromiseLike<void>;

/** A half of a connection: `input` is what the peer sends us, `output` what we send. */
export type Direction = 'input' | 'output';

/**
 * One step of a pipeline. Every method is optional; a handler without a method is skipped without a
 * call. Methods are called one at a time, on the event loop, by the pipeline; to pass an event on, call
 * the method of the same name on the context (`fire…` for inbound events).
 *
 * A throw in an inbound method, in `read` or in `flush` reaches the same handler's `exceptionCaught`. A
 * throw in `write`, `shutdown` or `close` fails the returned future instead.
 *
 * @typeParam T - its {@link Types}; `class Upper implements Handler<Upper['types']>` has the compiler compare its
 *   methods with them in the class itself. `addLast` compares the messages in any case.
 * @see Netty's `ChannelInboundHandler` and `ChannelOutboundHandler`; one interface as in Netty 5
 */
export interface Handler<T extends HandlerTypes = HandlerTypes> {
  /** For the compiler only: `declare readonly types: Types<{ … }>`. */
  readonly types?: T;

  /**
   * The kinds of messages that it takes and makes, if it takes no others. A template refuses an order that cannot
   * work; errors name the handler that gave a message.
   */
  readonly messageKinds?: MessageKinds | undefined;

  /**
   * The user events that it fires, and those that it is there to answer. Refused with a `PIPELINE_ORDER`, wherever it is added: a
   * handler that answers an event which a handler after it fires, and none before it.
   */
  readonly userEvents?: HandlerEvents | undefined;

  /** True if one instance may stand in many pipelines. A handler with state of one channel must not set it. */
  readonly sharable?: boolean;
  /**
   * A handler of the same class with the same options, for another channel: so one instance may stand in a
   * template, which gives each channel its own.
   */
  fresh?(): Handler;

  /**
   * The handler is in the pipeline of a registered channel; comes before any other event. It may
   * write: output that is flushed before the connection is up leaves as soon as it is, and fails if
   * it never is.
   */
  handlerAdded?(ctx: Context<T>): void;
  /** The handler is out of the pipeline; messages it still held may go on through `ctx`. */
  handlerRemoved?(ctx: Context<T>): void;

  /** The channel has started: its transport is open, or is connecting. Comes once, before `channelActive`. */
  channelRegistered?(ctx: Context<T>): Handled;
  /** The connection is up. */
  channelActive?(ctx: Context<T>): Handled;
  /** A message came in. */
  channelRead?(ctx: Context<T>, message: T['reads']): Handled;
  /** A burst of input has been read: the time to flush. */
  channelReadComplete?(ctx: Context<T>): Handled;
  /** `channel.isWritable` changed. */
  channelWritabilityChanged?(ctx: Context<T>): Handled;
  /** Another handler or the application announced something, see the event's class. */
  userEventTriggered?(ctx: Context<T>, event: unknown): Handled;
  /** One half of the connection was shut down (only with `allowHalfOpen`). */
  channelShutdown?(ctx: Context<T>, direction: Direction): Handled;
  /** The connection is gone; no input and no output follows. Comes only if the channel was active. */
  channelInactive?(ctx: Context<T>): Handled;
  /** The last event of a channel; then its handlers are removed, the last one first. */
  channelUnregistered?(ctx: Context<T>): Handled;
  /** A handler before this one, or this one, threw, or the connection failed. */
  exceptionCaught?(ctx: Context<T>, error: Error): Handled;

  /** More input is asked for. */
  read?(ctx: Context<T>): Handled;
  /** A message goes out: return `ctx.write(…)` of what it becomes. */
  write?(ctx: Context<T>, message: T['accepts']): WriteFuture | PromiseLike<void>;
  /** Sends earlier writes to the peer. */
  flush?(ctx: Context<T>): Handled;
  /** Shuts down one half of the connection. */
  shutdown?(ctx: Context<T>, direction: Direction): WriteFuture | PromiseLike<void>;
  /** Closes the connection. */
  close?(ctx: Context<T>, reason: CloseReason): WriteFuture | PromiseLike<void>;
}

/** The inbound events, each started at the neighbor towards the tail. */
export interface InboundInvoker {
  /** Passes {@link Handler.channelRegistered} on. */
  fireChannelRegistered(): void;
  /** Passes {@link Handler.channelActive} on. */
  fireChannelActive(): void;
  /** Passes a message on; after the last handler it goes to the hook `unhandledMessage`. */
  fireChannelRead(message: unknown): void;
  /** Passes {@link Handler.channelReadComplete} on. With `autoRead`, a `read()` follows when all have had it. */
  fireChannelReadComplete(): void;
  /** Passes {@link Handler.channelWritabilityChanged} on. */
  fireChannelWritabilityChanged(): void;
  /** Announces something to the handlers that follow: an object of a class of its own, by convention. */
  fireUserEventTriggered(event: unknown): void;
  /** Passes {@link Handler.channelShutdown} on. */
  fireChannelShutdown(direction: Direction): void;
  /** Passes {@link Handler.channelInactive} on. */
  fireChannelInactive(): void;
  /** Passes {@link Handler.channelUnregistered} on. */
  fireChannelUnregistered(): void;
  /** Passes an error on. One that passes the last handler goes to the hook `unhandledException`, and closes the channel. */
  fireExceptionCaught(error: Error): void;
}

/** The outbound operations, each started at the neighbor towards the head. */
export interface OutboundInvoker {
  /** Asks for more input. Needed only while `autoRead` is off. */
  read(): void;
  /**
   * Queues a message; nothing is sent before `flush`. Throws a `TypeError` for `null` and `undefined`.
   *
   * The future fails with `MESSAGE_NOT_ENCODABLE` for what neither a handler nor the transport takes, `OUTBOUND_FULL`
   * above the limit of waiting output, `OUTPUT_SHUTDOWN` after `end()`, `CHANNEL_CLOSED` after the end and for what is
   * unsent then, and with the errors of the handlers that it passes.
   */
  write(message: unknown): WriteFuture;
  /** Sends what was written; before the connection is up, as soon as it is. */
  flush(): void;
  /** `write`, then `flush`, even when the write failed. The future is that of `write`. */
  writeAndFlush(message: unknown): WriteFuture;
  /** Shuts one half down; `output` goes out after everything flushed. @default output */
  shutdown(direction?: Direction): WriteFuture;
  /**
   * Closes now: writes that the kernel has taken still arrive, the others fail. See
   * {@link Channel.end}.
   */
  close(reason?: CloseReason): WriteFuture;
}

/**
 * A handler's place in one pipeline: how it reaches its neighbors, its channel and the clock.
 *
 * @typeParam T - the handler's {@link Types}, `Context<Upper['types']>`: the compiler then checks what it fires and
 *   writes. A plain `Context` lets every message pass, and nothing that goes through it is checked.
 */
export interface Context<T extends HandlerTypes = HandlerTypes>
  extends InboundInvoker,
    OutboundInvoker {
  /** Unique in its pipeline. */
  readonly name: string;
  /** The handler in this place. */
  readonly handler: Handler;
  /** The channel whose pipeline it stands in. */
  readonly channel: Channel;
  /** The pipeline it stands in. */
  readonly pipeline: Pipeline;
  /** The channel's time. An error that a task throws reaches this handler's `exceptionCaught`. */
  readonly clock: Clock;
  /**
   * Calls back once, in `rule.ms` from now, unless it is cancelled or the channel closes before. As
   * for a task of the clock, an error that it throws reaches this handler's `exceptionCaught`. The
   * handler cancels it when it is removed.
   */
  deadline(rule: DeadlineRule, over: () => void): Timer;
  /** Passes a message to the next handler towards the tail. */
  fireChannelRead(message: T['mayFire']): void;
  /** Writes a message through the handlers towards the head. */
  write(message: T['mayWrite']): WriteFuture;
  /** As {@link Context.write}, and a `flush`. */
  writeAndFlush(message: T['mayWrite']): WriteFuture;
  /** True once the handler is out of the pipeline; the context still forwards to its old neighbors. */
  readonly isRemoved: boolean;
  /** Reports that this handler holds `delta` bytes more of output, or fewer if negative; they count towards writability. */
  addPendingOutboundBytes(delta: number): void;
  /**
   * For a future that the handler made itself and has failed: reported to the channel's `writeFailed` hook,
   * unless it is observed before the current event is over.
   */
  reportFailure(future: WriteFuture, error: Error): void;
}

/** A handler's class. */
// biome-ignore lint/suspicious/noExplicitAny: any constructor
export type HandlerClass<T extends Handler = Handler> = abstract new (...args: any[]) => T;

/** How a handler is named in lookups: its name, the instance, or its class (first match from the head, subclasses too). */
export type HandlerRef = string | Handler | HandlerClass;

/**
 * The handlers of one channel, in order: inbound events walk from the head (the transport) to the tail
 * (the application), outbound operations from the tail to the head. It may be changed at any time, also by
 * a handler in the middle of an event.
 *
 * @typeParam R - what the next handler at the tail would read, `unknown` if the compiler cannot know
 * @typeParam W - what it may write
 * @see Netty's `ChannelPipeline`
 */
export interface Pipeline<R = unknown, W = unknown> extends InboundInvoker, OutboundInvoker {
  /** The channel it belongs to; never changes. */
  readonly channel: Channel;
  /** For the compiler only: a pipeline of texts is none of numbers. */
  readonly reads?: R;

  /** Writes a message from the tail, through all handlers. */
  write(message: W): WriteFuture;
  /** As {@link Pipeline.write}, and a `flush`. */
  writeAndFlush(message: W): WriteFuture;

  /**
   * Appends handlers; or one under a name of your own, `addLast('name', handler)`, where a taken name is a
   * `PipelineError`. The compiler checks that each one reads what comes before it and writes what that accepts.
   */
  // One signature, and a mapped type: so the compiler's error stands at the handler that does not fit.
  addLast<const Args extends readonly (Handler | string)[]>(
    ...handlers: OrMisfit<Args, Fitting<Args, R, W>>
  ): Pipeline<ReadAfter<Args, R>, WriteAfter<Args, W>>;
  /** Puts handlers at the head, in the order given. Only `addLast` is checked by the compiler. */
  addFirst(...handlers: readonly Handler[]): Pipeline;
  /** Puts one handler at the head, under a name of your own. */
  addFirst(name: string, handler: Handler): Pipeline;
  /** Puts a handler before another: nearer to the head. Without a name it gets a generated one, `Class#0`. */
  addBefore(base: HandlerRef, handler: Handler, name?: string): Pipeline;
  /** Puts a handler after another: nearer to the tail. */
  addAfter(base: HandlerRef, handler: Handler, name?: string): Pipeline;
  /** Removes a handler and returns it; a `PipelineError` if it is not there. */
  remove(ref: HandlerRef): Handler;
  /** As {@link remove}; `undefined` if it is not there. */
  removeIfExists(ref: HandlerRef): Handler | undefined;
  /** Removes the handler at the head; a `PipelineError` if there is none. */
  removeFirst(): Handler;
  /** Removes the handler at the tail; a `PipelineError` if there is none. */
  removeLast(): Handler;
  /** Puts `handler` in the place of another, which is returned. Without a name it gets a generated one. */
  replace(ref: HandlerRef, handler: Handler, name?: string): Handler;

  /** The first handler of a class, subclasses included. */
  get<T extends Handler>(type: HandlerClass<T>): T | undefined;
  /** A handler by its name, class or instance. */
  get(ref: HandlerRef): Handler | undefined;
  /** The place of a handler. */
  context(ref: HandlerRef): Context | undefined;
  /** The handler at the head. */
  first(): Handler | undefined;
  /** The handler at the tail. */
  last(): Handler | undefined;
  /** The place of the handler at the head. */
  firstContext(): Context | undefined;
  /** The place of the handler at the tail. */
  lastContext(): Context | undefined;
  /** The handlers' names from head to tail, a snapshot. */
  names(): string[];
  /** Names and handlers from head to tail, a snapshot. */
  toMap(): Map<string, Handler>;
  /** Names and handlers from head to tail, a snapshot. */
  [Symbol.iterator](): Iterator<[string, Handler]>;

  /** As {@link Context.reportFailure}, for code outside the pipeline that holds writes: a group. */
  reportFailure(future: WriteFuture, error: Error): void;
}

/**
 * The outcome of a write, shutdown or close. It may be ignored: an unobserved failure goes to the
 * channel's `writeFailed` hook and never becomes an unhandled rejection. It makes a promise only
 * when awaited; the writes of one flush may share one future.
 */
export interface WriteFuture extends PromiseLike<void> {
  /** True once it has succeeded or failed. */
  readonly isSettled: boolean;
  /** True once it has succeeded: for a write, once the kernel has taken the bytes. */
  readonly isSuccess: boolean;
  /** Why it failed; reading it counts as observing the failure. */
  readonly error: Error | undefined;
  /**
   * For a write that has failed: false if the transport was given nothing of it, so that no byte of it can have
   * left, and sending it again cannot send it twice. True if some of it may have left.
   */
  readonly mayHaveLeft: boolean;
  /** Calls back when settled, at once if it already is; in the order of registration, without a promise. */
  onSettled(listener: (error: Error | undefined) => void): void;
  /**
   * As `onSettled`, for handlers that only watch: the failure still counts as unobserved, and goes
   * to the `writeFailed` hook unless another listener observes it.
   */
  peekSettled(listener: (error: Error | undefined) => void): void;
  /** As a promise's: makes one. */
  catch<T = never>(
    onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null,
  ): Promise<void | T>;
  /** As a promise's: makes one. */
  finally(onFinally?: (() => void) | null): Promise<void>;
}

/** A hold on a channel's reads, see {@link Channel.holdReads}. */
export interface ReadHold {
  /** As given to {@link Channel.holdReads}. */
  readonly why: string;
  /** Ends this hold; further calls do nothing. */
  release(): void;
}

/** Why a channel closed. Handlers may name reasons of their own. */
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

/** The end of a channel: why, on whose side, and the error if there was one. */
export interface CloseInfo {
  /** Why, as a word for programs. */
  readonly reason: CloseReason;
  /** The side that ended it: we, the peer, or the network between. */
  readonly by: 'local' | 'peer' | 'network';
  /** The error that closed it, if there was one. */
  readonly error: Error | undefined;
}

/** An end of a connection: an IP socket or a path (Unix socket, named pipe, in-memory name). */
export type Address =
  | { readonly host: string; readonly port: number; readonly family: 'IPv4' | 'IPv6' }
  | { readonly path: string };

/** The parameters negotiated in a TLS handshake. */
export interface TlsInfo {
  /** `TLSv1.3`, `TLSv1.2`. */
  readonly protocol: string;
  /** The cipher's standard name. */
  readonly cipher: string;
  /** The protocol chosen by ALPN. */
  readonly alpn: string | undefined;
  /** The server name that the client asked for. */
  readonly servername: string | undefined;
  /** True if the peer showed a certificate that one of our authorities signed. */
  readonly isPeerVerified: boolean;
  /** The certificate that the peer showed, verified or not. */
  readonly peerCertificate: X509Certificate | undefined;
  /** True if an earlier session went on, without certificates being shown. */
  readonly isResumed: boolean;
}

/** Typed values beside a channel. */
export interface Attributes {
  /** The value; `undefined` if there is none. */
  get<T>(key: AttributeKey<T>): T | undefined;
  /** Sets a value and returns the one before; `undefined` removes. */
  set<T>(key: AttributeKey<T>, value: T | undefined): T | undefined;
  /** True if there is a value. */
  has(key: AttributeKey<unknown>): boolean;
}

/** Options of {@link Channel.write}. */
export interface WriteOptions {
  /** Cancels the write, until it is flushed. @default never */
  readonly signal?: AbortSignal;
}

/** Options of {@link Channel.end}. */
export interface EndOptions {
  /** How long the peer may take to end its half. @default 2000 */
  readonly lingerMs?: number;
  /** @default 'local' */
  readonly reason?: CloseReason;
}

/**
 * One connection (or one listening socket): its pipeline, its state, its output.
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
 * `channelInactive` never runs inside `close()`; it comes with the next task. `closeInfo` is there at once.
 *
 * @typeParam R - what the pipeline's first handler reads, for channels fresh from a transport
 * @typeParam W - what the transport accepts
 */
export interface Channel<R = unknown, W = unknown>
  extends OutboundInvoker,
    AsyncIterable<R>,
    AsyncDisposable {
  /** Eight hex digits, unique in this process; in a simulation, unique among its channels. */
  readonly id: string;
  /** The server channel that accepted this one, or the channel it runs inside (a WebSocket on HTTP). */
  readonly parent: Channel | undefined;
  /** The handlers. */
  readonly pipeline: Pipeline<R, W>;
  /** The values that handlers and the application keep with this channel. */
  readonly attributes: Attributes;
  /** The time; virtual in tests. */
  readonly clock: Clock;
  /** Where its log lines go. */
  readonly logger: Logger;
  /** Our end; readable even after the close. */
  readonly localAddress: Address | undefined;
  /** The peer's end; readable even after the close. `undefined` for a listening channel. */
  readonly remoteAddress: Address | undefined;

  /** True before it has closed; even while it is still connecting. */
  readonly isOpen: boolean;
  /** True from `channelRegistered` until `channelUnregistered` has passed. */
  readonly isRegistered: boolean;
  /** True from the connect to the close: the pipeline gets input, and output goes out. */
  readonly isActive: boolean;
  /** False while too much output waits: stop writing until `channelWritabilityChanged`. */
  readonly isWritable: boolean;
  /** True once no more input is read: the peer has ended its half, we have shut ours down, or it has closed. */
  readonly isInputShutdown: boolean;
  /** True once our half has been shut down, or the channel has closed. */
  readonly isOutputShutdown: boolean;
  /** True from the first `end()`, `shutdown('output')` or `close()` on: pools and balancers skip such a channel. */
  readonly isEnding: boolean;
  /**
   * True once input that still comes is dropped: after `end()`, after our own `shutdown('input')`, and when the
   * channel has closed. A handler that makes many messages of one stops at this point.
   */
  readonly discardsInput: boolean;
  /** True for a listening channel, whose messages are the channels it accepts. */
  readonly isServer: boolean;

  /** Read automatically (default), or only when asked by `read()`. Belongs to the application; handlers use {@link holdReads}. */
  autoRead: boolean;
  /**
   * Stops asking the transport for input until the returned hold is released, and all others too. For handlers
   * that cannot take more now: it counts, so several handlers do not disturb each other, and it does not change
   * `autoRead`. Decoders stop after the message during which the hold came.
   *
   * @param why - for {@link readHolds}: a word or two, such as the name of the handler
   */
  holdReads(why: string): ReadHold;
  /** True while any hold is out. */
  readonly isReadHeld: boolean;
  /** Why reads are held, oldest first. */
  readonly readHolds: readonly string[];
  /**
   * For how long this side has not read so far, in milliseconds: reads were held, or with auto-read off nothing was asked
   * for. The present time is included. Deadlines for input stand meanwhile.
   */
  readonly readHeldMs: number;
  /**
   * Calls back once no hold is out, at once if none is; in order of registration, before the next read. Not
   * called if the channel closes first. The listener checks {@link isReadHeld} again: an earlier one may have taken a hold.
   */
  onceReadable(listener: () => void): void;
  /**
   * For handlers that make many messages of one read, every few messages: if this connection's input has used
   * its time in this turn of the event loop (`readBudgetMs`), reads are held until its next one. True if it has.
   */
  checkTurn(): boolean;
  /**
   * Calls back in this connection's next turn of the event loop, at once if it has time left in this one; even after
   * the channel has closed, whose handlers are removed only after the last of these calls.
   */
  onNextTurn(listener: () => void): void;
  /**
   * Where the bytes go that this channel reads. A handler that asks for nothing may keep a view of what it has read for
   * ever; for decoders that know the length of the message that has begun.
   */
  readonly readMemory: ReadMemory;
  /** Bytes written and not yet taken by the kernel, with a fixed overhead for each message. */
  readonly pendingOutboundBytes: number;
  /** How many bytes may still be written before {@link isWritable} turns false; 0 if it is. */
  readonly bytesBeforeUnwritable: number;
  /** How many bytes must go before {@link isWritable} turns true again; 0 if it is. */
  readonly bytesBeforeWritable: number;
  /** Changes whenever the transport took some output: so a slow write differs from a stuck one. */
  readonly outboundProgress: number;

  /** Resolves when the channel has closed; never rejects. */
  readonly closed: Promise<CloseInfo>;
  /** Why it has closed; `undefined` while it is open. */
  readonly closeInfo: CloseInfo | undefined;
  /** Calls back once when the channel has closed, without a promise; at once if it has. */
  onClosed(listener: (channel: Channel) => void): void;
  /** Takes a listener of {@link onClosed} back. */
  offClosed(listener: (channel: Channel) => void): void;
  /** Calls back once when the channel is writable again, or closed; at once if it is either now. */
  onceWritable(listener: () => void): void;

  /** As {@link OutboundInvoker.write}; a write whose signal aborts before its flush is not sent and fails. */
  write(message: W, options?: WriteOptions): WriteFuture;
  /** As {@link Channel.write}, and a `flush`. */
  writeAndFlush(message: W, options?: WriteOptions): WriteFuture;
  /**
   * The polite close: flushes, ends our half after everything written, discards what still comes in,
   * and closes when the peer has ended its half or after `lingerMs`.
   */
  end(options?: EndOptions): WriteFuture;
  /** Resets the connection (RST where the transport can). */
  abort(reason?: CloseReason): WriteFuture;

  /**
   * The messages that pass the last handler, for one loop: `for await (const message of channel)`. In order,
   * an error after the messages before it, the end last; reading stops while ten messages wait. Leaving the
   * loop early closes the channel. Begin before the first message is read, else a `PipelineError` is thrown.
   */
  [Symbol.asyncIterator](): AsyncIterator<R>;
  /** `await using`: as {@link Channel.end}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Chooses members of a group: a function of a channel, which may also state what it means for channels that are not
 * in this process, where it cannot be called.
 */
export interface ChannelMatcher {
  /** True for a channel that is chosen. */
  (channel: Channel): boolean;
  /**
   * The choice among a group's members in other processes: `all` or `none` of them. A plain
   * function has no such choice and cannot be carried out there; `ChannelMatchers.elsewhere` gives
   * it one. A group in one process does not read it.
   */
  readonly elsewhere?: 'all' | 'none';
  /** The only channels that it may choose: a group asks it about these, and not about each of its members. */
  readonly only?: ReadonlySet<Channel>;
}

/**
 * Many channels that are written to at once. Its members may be in one process, as those of the class `ChannelGroup`
 * are, or in many: `size`, `has`, `close` and the iteration are about those HERE, `add` and `remove` take channels of
 * this process, and what is written and flushed reaches the chosen members everywhere. Without a matcher these are
 * all; which members elsewhere a matcher chooses is its {@link ChannelMatcher.elsewhere}.
 *
 * A channel that closes leaves by itself. One member's failure does not touch the others.
 *
 * @typeParam Message - what is sent to the members
 */
export interface Group<Message = unknown> extends Iterable<Channel> {
  /** For logs; a group in many processes has the same name in each. */
  readonly name: string;
  /** How many members are here. */
  readonly size: number;
  /** True if the channel is a member. */
  has(channel: Channel): boolean;
  /** True if the channel was not a member yet. A closed channel is not taken. */
  add(channel: Channel): boolean;
  /** True if it was a member; it stays open. */
  remove(channel: Channel): boolean;
  /** Queues a message for the matching members; throws a `TypeError` for `null` and `undefined`. */
  write(message: Message, matcher?: ChannelMatcher): GroupOutcome;
  /** As {@link Group.write}, and a `flush` of the same members. */
  writeAndFlush(message: Message, matcher?: ChannelMatcher): GroupOutcome;
  /** Sends what was written to the matching members. */
  flush(matcher?: ChannelMatcher): void;
  /** Broadcasts that were accepted here and are not complete yet. */
  readonly backlog: number;
  /**
   * Calls back once the broadcasts that were accepted here before this call are complete; at once if {@link backlog} is 0.
   * Later ones may wait by then.
   */
  onceDrained(listener: () => void): void;
  /** Closes the matching members. @default reason 'local' */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome;
}

/**
 * The outcome of an operation on a {@link Group}: settles after those of all members here, and rejects if any of them
 * failed. For members elsewhere it reports what the group's class promises. It may be ignored.
 */
export interface GroupOutcome extends PromiseLike<void> {
  /** True once it was carried out for every member here: written, which does not mean that it has left. */
  readonly isBegun: boolean;
  /** Calls back once {@link isBegun} is true; at once if it is. */
  onceBegun(listener: () => void): void;
  /** How many members here it is about. */
  readonly size: number;
  /** True once it has succeeded or failed for each of them. */
  readonly isSettled: boolean;
  /** True once it has succeeded for all of them. */
  readonly isSuccess: boolean;
  /** Some, but not all, have succeeded. */
  readonly isPartialSuccess: boolean;
  /** Some, but not all, have failed. */
  readonly isPartialFailure: boolean;
}

/** A task that runs later and can be cancelled. */
export interface Timer {
  /** The task will not run; further calls do nothing. */
  cancel(): void;
}

/** How busy connections share the turns of one event loop: the channels ask, a {@link Clock} has it. */
export interface Turns {
  /**
   * The time at which input that begins at `now` has used up its share of this turn. Busy connections have one
   * `budgetMs` together; a connection that has not waited gets a quarter of it at least.
   *
   * @param now - the time of the clock, in milliseconds
   */
  endOfShare(now: number, budgetMs: number): number;
  /**
   * Queues input whose share ended at `now`. Each turn resumes one connection, in the order of these calls.
   *
   * @param now - the time of the clock, in milliseconds
   */
  wait(now: number, resume: () => void): void;
}

/** Something that is due at a time; a clock keeps very many of them with one timer. */
export interface DeadlineEntry {
  /** When it is due, in milliseconds of the clock. Belongs to the clock. */
  deadline: number;
  /** Its place among the others, -1 while it has none. Belongs to the clock. */
  heapIndex: number;
  /** The order of adding, for entries with the same deadline. Belongs to the clock. */
  heapOrder: number;
  /** The process is kept alive while it has a place. @default false */
  readonly keepsProcess?: boolean;
  /** Its time has come, and it has no place any more. Called in no asynchronous context; must not throw. */
  expire(): void;
}

/** The deadlines of a {@link Clock}: those of all connections and calls, with one timer. */
export interface Deadlines {
  /** Sets the time at which an entry is due, also of one that has a place: `delayMs` from now, `Infinity` for never. */
  add(entry: DeadlineEntry, delayMs: number): void;
  /** Takes an entry out; does nothing for one that has no place. */
  remove(entry: DeadlineEntry): void;
  /**
   * Runs a task once after `delayMs`, as `clock.schedule` does, where many may be due at the same time: what a peer, or a
   * failure that all peers have at once, begins. For a deadline of a channel there is `ctx.deadline`.
   */
  schedule(task: () => void, delayMs: number): Timer;
}

/**
 * Whether the time of a deadline stands still while this side does not read: while reads are held, and with auto-read
 * off while nothing is asked for. `'stands'` for a deadline by which the peer must send something. `'runs'` for one that
 * limits what a stranger may use, for output, and for a wait of our own.
 */
export type WhileHeld = 'stands' | 'runs';

/** How long, and which time counts. */
export interface DeadlineRule {
  /** In milliseconds; `Infinity` for never. */
  readonly ms: number;
  readonly whileHeld: WhileHeld;
}

/**
 * The only source of time and of turns of the event loop: replaced by a virtual one in tests. A clock of your own that
 * wraps another one, such as `systemClock`, passes each call on, and has its `turns` and `deadlines`: then channels on
 * either clock share the event loop as if there were one.
 */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Milliseconds since 1970, UTC; may jump when the time of the machine is set. */
  timeOfDay(): number;
  /** Runs a task once after `delayMs`; does not keep the process alive unless `ref` is true. */
  schedule(task: () => void, delayMs: number, ref?: boolean): Timer;
  /** Runs a task soon, when the current event is over. */
  execute(task: () => void): void;
  /** Runs a task in the next turn of the event loop, when the sockets and timers that are due were served. */
  nextTurn(task: () => void): void;
  /** How connections share the turns; the same object for all clocks of one event loop. */
  readonly turns: Turns;
  /**
   * The deadlines of connections and calls. They have one timer, and those that fall together are called by turns of
   * the event loop; a timer for each would take 230 bytes more. The time of the clock that has them counts.
   */
  readonly deadlines: Deadlines;
  /**
   * Numbers the channels of this clock, for their ids: whole numbers from 0 to 2^32 - 1. A simulation counts its own
   * channels, so that a seed decides their ids, too. @default the next number of this process
   */
  channelNumber?(): number | undefined;
}

/** How important a log line is: `debug` for what happens every day, `error` for a fault of the program. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where the framework's log lines go. */
export interface Logger {
  /** Called for every line of any level. An error that it throws is a warning of the process. */
  log(level: LogLevel, message: string, error?: Error): void;
}

/**
 * Output that is not one Buffer but knows how to become bytes: a length and a body, say, without a copy
 * before the transport makes its own.
 */
export interface ByteSource {
  /** How many bytes it becomes. */
  readonly byteLength: number;
  /** Writes all `byteLength` bytes into `target` at `offset`. */
  writeTo(target: Uint8Array, offset: number): void;
  /**
   * Appends the same bytes to a list, those that lie in memory as they are. A transport that writes lists calls it
   * instead of `writeTo` for a large message, which is not copied then. @default all bytes are copied
   */
  appendTo?(buffers: Uint8Array[]): void;
  /**
   * True if its bytes lie in no memory of a read, and are kept anyway: it is not copied while it waits behind a slow
   * peer. @default false: a short one becomes a copy, which does not keep the memory of a whole read
   */
  readonly ownsMemory?: boolean;
}

/** A message that a byte transport accepts. */
export type OutboundBytes = Uint8Array | ByteSource;
