import { callSafely } from '../call/call-safely.ts';
import { releaseSource } from '../call/given-source.ts';
import { isPromiseLike, whenSettled } from '../call/promise-like.ts';
import type { Clock, DeadlineRule, Deadlines, Timer, Turns } from '../contract/clock.ts';
import type { CloseReason } from '../contract/connection.ts';
import type {
  Channel,
  Context,
  Direction,
  Handled,
  Handler,
  Pipeline,
  WriteFuture,
} from '../contract.ts';
import { toError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { TaskDeadline } from '../time/channel-deadline.ts';
import { keepLoan } from '../transport/read-loan.ts';
import { type AheadReader, READS_AHEAD } from './ahead-reader.ts';
import * as mask from './handler-mask.ts';
import { nextWith, prevWith, type Ring, type RingMember } from './handler-ring.ts';
import type { HostOutput } from './head-and-tail.ts';
import { watchOrder } from './read-order.ts';
import { rememberThrower } from './thrower.ts';

type RareEvent =
  | 'channelRegistered'
  | 'channelActive'
  | 'channelWritabilityChanged'
  | 'userEventTriggered'
  | 'channelShutdown'
  | 'channelInactive'
  | 'channelUnregistered';
type RareHandler = Record<RareEvent, (ctx: Context, argument: unknown) => Handled>;

/** The parts of a pipeline that its contexts use. */
export interface ContextOwner extends Pipeline, Readonly<Ring<HandlerContext>> {
  /** Passes a message to the transport. An error that is thrown fails the future. */
  writeOut(message: unknown): WriteFuture;
  /** Requests input from the transport. The handlers receive an error that is thrown. */
  readOut(): void;
  flushOut(): void;
  readonly channel: Channel;
  /** Called when `exceptionCaught` threw. Reports the error to the log, not to the pipeline. */
  exceptionHandlerFailed(context: HandlerContext, thrown: Error, original: Error): void;
  readonly output: HostOutput;
}

/**
 * A handler's place in a pipeline. It calls the handler and catches its errors. The ring determines the next handler. Ten
 * thousand connections have a hundred thousand contexts, so each field counts.
 */
export class HandlerContext implements Context, Clock, RingMember<HandlerContext> {
  readonly pipeline: ContextOwner;
  readonly handler: Handler;
  bits: number;
  prevWriter: HandlerContext;
  nextReader: HandlerContext;
  nextReadCompleter: HandlerContext;
  readonly name: string;
  next: HandlerContext;
  prev: HandlerContext;

  constructor(pipeline: ContextOwner, handler: Handler, name: string) {
    // The fields that every message needs come first, because in a broadcast the contexts of the members are not in the cache.
    this.pipeline = pipeline;
    this.handler = handler;
    this.bits = mask.maskOf(handler);
    this.prevWriter = this;
    this.nextReader = this;
    this.nextReadCompleter = this;
    this.name = name;
    this.next = this;
    this.prev = this;
  }

  get channel(): Channel {
    return this.pipeline.channel;
  }

  // --- the clock that the handler sees ---

  get clock(): Clock {
    return this;
  }

  now(): number {
    return this.pipeline.channel.clock.now();
  }

  timeOfDay(): number {
    return this.pipeline.channel.clock.timeOfDay();
  }

  channelNumber(): number | undefined {
    return this.pipeline.channel.clock.channelNumber?.();
  }

  get turns(): Turns {
    return this.pipeline.channel.clock.turns;
  }

  schedule(task: () => void, delayMs: number, ref?: boolean): Timer {
    return this.pipeline.channel.clock.schedule(() => this.runTask(task), delayMs, ref);
  }

  get deadlines(): Deadlines {
    return this.pipeline.channel.clock.deadlines;
  }

  deadline(rule: DeadlineRule, over: () => void): Timer {
    return new TaskDeadline(this.channel, rule, () => this.runTask(over));
  }

  execute(task: () => void): void {
    this.pipeline.channel.clock.execute(() => this.runTask(task));
  }

  nextTurn(task: () => void): void {
    this.pipeline.channel.clock.nextTurn(() => this.runTask(task));
  }

  /** Runs a task as an event of its own. An error reaches the handler's `exceptionCaught` instead of ending the process. */
  private runTask(task: () => void): void {
    callSafely(task, undefined, (error) => this.threw(error));
  }

  get isActive(): boolean {
    const { headTail, channel } = this.pipeline;
    if (!channel.isActive) return false;
    for (let at = this.prev; at !== headTail; at = at.prev) {
      if (at.handler.holdsActive === true) return false;
    }
    return true;
  }

  get isRemoved(): boolean {
    return (this.bits & mask.REMOVED) !== 0;
  }

  addPendingOutboundBytes(delta: number): void {
    this.pipeline.output.addHeldBytes(delta);
  }

  reportFailure(future: WriteFuture): void {
    this.pipeline.output.reportFailure(future);
  }

  // --- inbound, towards the tail ---

  fireChannelRead(message: unknown): void {
    this.nextReader.invokeChannelRead(message);
  }

  invokeChannelRead(message: unknown): void {
    if ((this.bits & mask.ADDED) === 0) {
      this.nextReader.invokeChannelRead(message);
      return;
    }
    try {
      const handled = this.handler.channelRead!(this, message);
      if (handled !== undefined) this.watchRead(handled, message);
    } catch (thrown) {
      this.threw(thrown);
    }
  }

  fireChannelReadComplete(): void {
    const { nextReadCompleter, pipeline } = this;
    // Nothing is left to do at the tail.
    if (nextReadCompleter !== pipeline.headTail) nextReadCompleter.invokeChannelReadComplete();
  }

  invokeChannelReadComplete(): void {
    if ((this.bits & mask.ADDED) === 0) {
      this.nextReadCompleter.invokeChannelReadComplete();
      return;
    }
    try {
      const handled = this.handler.channelReadComplete!(this);
      if (handled !== undefined) this.watch(handled);
    } catch (thrown) {
      this.threw(thrown);
    }
  }

  fireChannelRegistered(): void {
    nextWith(this, mask.CHANNEL_REGISTERED).invoke('channelRegistered');
  }

  fireChannelActive(): void {
    nextWith(this, mask.CHANNEL_ACTIVE).invoke('channelActive');
  }

  fireChannelWritabilityChanged(): void {
    nextWith(this, mask.CHANNEL_WRITABILITY_CHANGED).invoke('channelWritabilityChanged');
  }

  fireUserEventTriggered(event: unknown): void {
    // An event can have bytes of a message.
    keepLoan();
    nextWith(this, mask.USER_EVENT_TRIGGERED).invoke('userEventTriggered', event);
  }

  fireChannelShutdown(direction: Direction): void {
    nextWith(this, mask.CHANNEL_SHUTDOWN).invoke('channelShutdown', direction);
  }

  fireChannelInactive(): void {
    nextWith(this, mask.CHANNEL_INACTIVE).invoke('channelInactive');
  }

  fireChannelUnregistered(): void {
    nextWith(this, mask.CHANNEL_UNREGISTERED).invoke('channelUnregistered');
  }

  fireExceptionCaught(error: Error): void {
    nextWith(this, mask.EXCEPTION_CAUGHT).invokeExceptionCaught(error);
  }

  /** Calls this handler's own `exceptionCaught`, or that of the next handler that implements it. */
  invokeExceptionCaught(error: Error): void {
    // An error can have bytes of its message.
    keepLoan();
    if ((this.bits & mask.ADDED) === 0 || (this.bits & mask.EXCEPTION_CAUGHT) === 0) {
      this.fireExceptionCaught(error);
      return;
    }
    try {
      const handled = this.handler.exceptionCaught!(this, error);
      if (isPromiseLike(handled)) {
        whenSettled(handled, undefined, (thrown) => this.exceptionHandlerFailed(thrown, error));
      }
    } catch (thrown) {
      this.exceptionHandlerFailed(thrown, error);
    }
  }

  // --- outbound, towards the head ---

  read(): void {
    const { pipeline } = this;
    if (this === pipeline.readInterceptor) pipeline.readOut();
    else prevWith(this, mask.READ).invokeRead();
  }

  invokeRead(): void {
    if ((this.bits & mask.ADDED) === 0) {
      this.read();
      return;
    }
    try {
      const handled = this.handler.read!(this);
      if (handled !== undefined) this.watch(handled);
    } catch (thrown) {
      this.threw(thrown);
    }
  }

  write(message: unknown): WriteFuture {
    if (message === undefined || message === null) throw noMessage(message);
    const { prevWriter, pipeline } = this;
    // Skips the head, which would only pass the message on. This saves one step and two cache lines for each message.
    if (prevWriter === pipeline.headTail) return pipeline.writeOut(message);
    return prevWriter.invokeWrite(message);
  }

  invokeWrite(message: unknown): WriteFuture {
    if ((this.bits & mask.ADDED) === 0) return this.prevWriter.invokeWrite(message);
    try {
      const result = this.handler.write!(this, message);
      return result instanceof SettableFuture ? result : this.outcomeOf(result);
    } catch (thrown) {
      void releaseSource(message);
      return this.failedFuture(thrown);
    }
  }

  flush(): void {
    const { pipeline } = this;
    const { flushInterceptor } = pipeline;
    if (flushInterceptor === pipeline.headTail || flushInterceptor === this) pipeline.flushOut();
    else prevWith(this, mask.FLUSH).invokeFlush();
  }

  invokeFlush(): void {
    if ((this.bits & mask.ADDED) === 0) {
      this.flush();
      return;
    }
    try {
      const handled = this.handler.flush!(this);
      if (handled !== undefined) this.watch(handled);
    } catch (thrown) {
      this.threw(thrown);
    }
  }

  writeAndFlush(message: unknown): WriteFuture {
    const future = this.write(message);
    this.flush();
    return future;
  }

  shutdown(direction: Direction = 'output'): WriteFuture {
    const prev = prevWith(this, mask.SHUTDOWN);
    try {
      return prev.outcomeOf(prev.handler.shutdown!(prev, direction));
    } catch (thrown) {
      return prev.failedFuture(thrown);
    }
  }

  close(reason: CloseReason = 'local'): WriteFuture {
    const prev = prevWith(this, mask.CLOSE);
    try {
      return prev.outcomeOf(prev.handler.close!(prev, reason));
    } catch (thrown) {
      return prev.failedFuture(thrown);
    }
  }

  // --- calling the handler ---

  /**
   * Calls the handler for a rare event, by the name of the event. A closure for each handler of each connection would be
   * garbage.
   */
  private invoke(event: RareEvent, argument?: unknown): void {
    try {
      const handled = (this.handler as RareHandler)[event](this, argument);
      if (handled !== undefined) this.watch(handled);
    } catch (thrown) {
      this.threw(thrown);
    }
  }

  /** Passes an error that a handler threw to the handler's own `exceptionCaught` first. */
  threw(thrown: unknown): void {
    const error = toError(thrown);
    rememberThrower(error, this.name);
    this.invokeExceptionCaught(error);
  }

  /** Treats the rejection of an asynchronous handler as an error that the handler threw. */
  private watch(handled: Handled): void {
    if (!isPromiseLike(handled)) return;
    whenSettled(handled, undefined, (thrown) => this.threw(thrown));
  }

  /** An asynchronous handler continues after the burst. Without a declaration of its own it can only have a view of bytes. */
  private watchRead(handled: Handled, message: unknown): void {
    if (message instanceof Uint8Array || this.handler.keepsReads === false) keepLoan();
    this.watch(handled);
    watchOrder(this, handled);
  }

  /** Converts the result of an operation to a future. A rejection is reported like any unobserved failure. */
  private outcomeOf(result: WriteFuture | PromiseLike<void>): WriteFuture {
    return SettableFuture.from(result, (future) => this.reportFailure(future));
  }

  private failedFuture(thrown: unknown): WriteFuture {
    const error = toError(thrown);
    rememberThrower(error, this.name);
    return this.pipeline.output.failedWrite(error);
  }

  private exceptionHandlerFailed(thrown: unknown, original: Error): void {
    this.pipeline.exceptionHandlerFailed(this, toError(thrown), original);
  }
}

/**
 * Returns the handler that takes the next `channelRead` of a context, if it can decode frames ahead at this moment. A context that
 * logs its events has another class.
 */
export function aheadReaderOf(ctx: Context): AheadReader | undefined {
  if (ctx.constructor !== HandlerContext) return undefined;
  const { nextReader } = ctx as HandlerContext;
  const reader = nextReader.handler as Handler & Partial<AheadReader>;
  if (reader[READS_AHEAD] !== true || (nextReader.bits & mask.ADDED) === 0) return undefined;
  return nextReader.constructor === HandlerContext ? (reader as AheadReader) : undefined;
}

/** Passes on a message that the handler of {@link aheadReaderOf} has decoded. */
export function fireReadAhead(ctx: Context, message: unknown): void {
  const { nextReader } = ctx as HandlerContext;
  try {
    (nextReader.handler as Handler & AheadReader).passOnAhead(nextReader, message);
  } catch (thrown) {
    nextReader.threw(thrown);
  }
}

/** Returns the error for a write of `null` or `undefined`, which is a fault of the program, not a failed write. */
export function noMessage(message: null | undefined): TypeError {
  return new TypeError(`write(${String(message)}): a message cannot be null or undefined`);
}
