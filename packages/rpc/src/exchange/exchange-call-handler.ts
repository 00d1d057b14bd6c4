import {
  type Context,
  DecodeError,
  type Direction,
  type Handler,
  isHeadraceError,
  PipelineError,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { DrainGate, markPeerLeaving, releaseSource } from '@headrace/core/authoring';
import { CallOutput, encodeErrorOf } from '@headrace/handlers/call';
import type { ItemWindow } from '../items/item-writer.ts';
import type { ExchangeAnswers } from './exchange-answers.ts';
import { ExchangeCaller } from './exchange-caller.ts';
import { invalidMessage } from './exchange-error.ts';
import type {
  AnswerGather,
  ExchangeFormat,
  ExchangeId,
  ExchangeSink,
  ExchangeTypes,
  StreamSink,
} from './exchange-format.ts';
import {
  CALL_OPTIONS,
  type CallOptions,
  type ExchangeCallHandlerOptions,
  type ExchangeCounts,
  type ExchangeDescription,
  NO_OPTIONS,
  CALL_HANDLER_OPTIONS as OPTIONS,
  STREAM_OPTIONS,
  type StreamOptions,
} from './exchange-options.ts';
import { NoAnswers } from './no-answers.ts';

/** The resolved options of the calls. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  readonly window: ItemWindow;
}

/** The parts of the handler for one channel, from `handlerAdded` on. */
interface Ends {
  readonly output: CallOutput;
  readonly caller: ExchangeCaller;
  readonly answers: ExchangeAnswers;
}

const HALF_ENDED = 'the peer has ended its half';

const NO_COUNTS: ExchangeCounts = {
  inFlight: 0,
  queued: 0,
  unanswered: 0,
  running: 0,
  lateAnswers: 0,
  unknownAnswers: 0,
};

/**
 * Calls to the peer over one connection, for an end that answers none: the part of an {@link ExchangeHandler} that calls. A page
 * that only calls loads half as much with this handler. Everything else is as with `ExchangeHandler` without `handle`.
 *
 * ```text
 *  wire | frame | JsonCodec | [calls]    jsonRpcExchange()
 * ```
 *
 * - **Place** Last.
 * - **In** The messages of its format.
 * - **Out** Nothing. The handler writes requests, notices and cancels, and flushes the messages of one event together.
 * - **Events** Forwards all. The channel does not end during a drain while a call is under way.
 * - **Errors** Those of `ExchangeHandler`. A request of the peer is answered with an error, a notice is dropped.
 * - **State** One channel: calls in flight and in the queue, items of each stream up to the window.
 * - **Cost** A call needs a promise, two small objects and a map entry. One timer serves all calls.
 * - **Pitfalls** No answers arrive while reads are held. A late answer is dropped, although the peer has done the work.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { connectedPair } from '@headrace/core/testing';
 * import { binaryExchange, ExchangeCallHandler, ExchangeHandler } from '@headrace/rpc';
 *
 * const format = binaryExchange();
 * const caller = new ExchangeCallHandler({ format });
 * const answerer = new ExchangeHandler({ format, handle: (name) => Buffer.from(`hello ${name}`) });
 * const { clock } = connectedPair({
 *   client: (channel) => channel.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 1000 }), caller),
 *   server: (channel) => channel.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 1000 }), answerer),
 * });
 * const answer = clock.run(() => caller.request(Buffer.from('ann')));
 * console.log(String(await answer));
 * // prints hello ann
 * ```
 * @see the Language Server Protocol, "Base Protocol"
 */
export class ExchangeCallHandler<T extends ExchangeTypes> implements Handler {
  declare readonly types: Types<{ reads: T['reads']; passesOn: never; writes: T['writes'] }>;
  private readonly format: ExchangeFormat<T>;
  /** @internal */
  protected readonly options: ExchangeCallHandlerOptions<T>;
  /** @internal */
  protected readonly limits: CallLimits;
  private readonly owner: string;
  private ends: Ends | undefined = undefined;
  private sink: ExchangeSink<T> | undefined = undefined;
  private readonly drain = new DrainGate('calls', () => this.isBusy);
  /** Whether bad input has ended the handler's work. */
  private hasFailed = false;
  /** Why the current message is refused, although its format allows it. */
  private violation: string | undefined = undefined;

  constructor(options: ExchangeCallHandlerOptions<T>);
  /** @internal A subclass has a description of more options. */
  constructor(options: ExchangeCallHandlerOptions<T>, description: ExchangeDescription);
  constructor(options: ExchangeCallHandlerOptions<T>, description: ExchangeDescription = OPTIONS) {
    const resolved = description.resolve(options as never);
    const { windowItems: items, windowBytes: bytes } = resolved;
    this.limits = { ...resolved, window: { items, bytes } };
    this.owner = description.owner;
    this.options = options;
    this.format = options.format;
  }

  /** Makes a handler with the same options for another channel, so that an instance can stand in a `pipeline()`. */
  fresh(): ExchangeCallHandler<T> {
    return new ExchangeCallHandler(this.options);
  }

  /** Called when the peer has announced that it takes no more calls. */
  onPeerLeaving: () => void = () => {};

  /** Whether a call can be sent now: the channel is connected and not ending, and answers can arrive. */
  get isReady(): boolean {
    return this.ends?.caller.isReady === true;
  }

  /** Counts of the work under way, and of dropped messages. */
  get counts(): ExchangeCounts {
    if (this.ends === undefined) return NO_COUNTS;
    const { caller, answers } = this.ends;
    const { inFlight, queued, lateAnswers, unknownAnswers } = caller;
    const { unanswered, running } = answers;
    return { inFlight, queued, unanswered, running, lateAnswers, unknownAnswers };
  }

  /**
   * Sends a request to the peer. Rejects with the errors in the description of the class, and never throws. The call waits until
   * the channel is connected and writable, and fewer than `maxInFlight` calls are under way.
   */
  request(body: T['call'], options?: CallOptions<T['answer']>): Promise<T['result']> {
    try {
      const {
        timeoutMs = this.limits.timeoutMs,
        signal,
        input,
      } = options === undefined ? NO_OPTIONS : CALL_OPTIONS.resolve(options);
      const answer = this.mustHaveEnds().caller.request(body, { timeoutMs, signal, input });
      this.drain.update();
      return answer;
    } catch (thrown) {
      void releaseSource(options?.input);
      return Promise.reject(thrown);
    }
  }

  /**
   * Requests items from the peer: `for await (const item of exchange.stream(body))`. The peer sends the items as fast as they are
   * read. A reader that leaves the loop cancels the call. The reader receives an error after the items that arrived before it.
   * The errors are those of {@link request}, including `TIMEOUT_REQUEST` when the next item is late. If the peer answers with one
   * value, the stream has one item.
   *
   * @throws OptionError if an option is not valid
   * @throws PipelineError `PIPELINE_STATE` before the handler is in the pipeline of a registered channel
   */
  stream(
    body: T['call'],
    options: StreamOptions<T['answer']> = {},
  ): AsyncIterableIterator<T['result']> {
    try {
      const { caller } = this.mustHaveEnds();
      const { itemTimeoutMs = this.limits.timeoutMs, ...settings } =
        STREAM_OPTIONS.resolve(options);
      const items = caller.stream(body, settings, itemTimeoutMs);
      this.drain.update();
      return items as AsyncIterableIterator<T['result']>;
    } catch (thrown) {
      void releaseSource(options?.input);
      throw thrown;
    }
  }

  /**
   * Sends a notice, which the peer does not answer. A notice does not overtake the calls before it.
   *
   * @throws PipelineError `PIPELINE_STATE` before the handler is in the pipeline of a registered channel
   */
  notify(body: T['call']): WriteFuture {
    return this.mustHaveEnds().caller.notify(body);
  }

  private mustHaveEnds(): Ends {
    if (this.ends !== undefined) return this.ends;
    throw new PipelineError(
      'PIPELINE_STATE',
      `the ${this.owner} is not in the pipeline of a registered channel yet: call it from channelActive on`,
    );
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    const { format, limits } = this;
    const output = new CallOutput(ctx);
    const changed = () => this.drain.update();
    const anyFormat = format as unknown as ExchangeFormat;
    this.ends = {
      output,
      caller: new ExchangeCaller(output, { ...limits, format: anyFormat }, changed),
      answers: this.answersOf(output, anyFormat, this.drain),
    };
    this.sink = this.sinkOf(this.ends);
    if (ctx.channel.isInputShutdown) this.ends.caller.lose(HALF_ENDED);
  }

  /** @internal Creates what answers the peer. */
  protected answersOf(
    output: CallOutput,
    format: ExchangeFormat,
    _drain: DrainGate,
  ): ExchangeAnswers {
    return new NoAnswers(output, format);
  }

  handlerRemoved(): void {
    this.ends?.caller.lose(`the ${this.owner} was removed`);
    this.ends?.answers.abandon();
    this.ends?.answers.release();
  }

  channelActive(ctx: Context): void {
    ctx.fireChannelActive();
    this.ends?.caller.sendQueued();
  }

  channelWritabilityChanged(ctx: Context): void {
    this.ends?.caller.sendQueued();
    this.ends?.answers.resume();
    ctx.fireChannelWritabilityChanged();
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') {
      this.ends?.caller.lose(HALF_ENDED);
      this.ends?.answers.loseInput();
    } else this.ends?.caller.loseQueued();
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    const { closeInfo } = ctx.channel;
    this.ends?.caller.lose(`the channel closed (${closeInfo?.reason})`, closeInfo?.error);
    this.ends?.answers.abandon();
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (this.drain.see(event)) {
      if (event.endsChannel) this.ends?.answers.leave();
      this.ends?.answers.loseResumable();
    }
    ctx.fireUserEventTriggered(event);
  }

  private get isBusy(): boolean {
    const { ends } = this;
    return ends !== undefined && (ends.caller.isBusy || ends.answers.unanswered > 0);
  }

  // --- input ---

  channelRead(ctx: Context, message: T['reads']): void {
    if (this.hasFailed) return;
    this.ends!.output.beginRead();
    try {
      this.format.read(message, this.sink!);
    } catch (thrown) {
      if (!(thrown instanceof DecodeError)) throw thrown;
      this.refuse(ctx, thrown);
    }
    this.drain.update();
    if (this.violation === undefined) return;
    this.refuse(ctx, invalidMessage(message, this.violation));
    this.violation = undefined;
  }

  channelReadComplete(ctx: Context): void {
    this.ends!.output.endRead();
    ctx.fireChannelReadComplete();
  }

  /** Answers input that an earlier codec could not read, if the format has such an answer. */
  exceptionCaught(ctx: Context, error: Error): void {
    const isUnread =
      isHeadraceError(error, 'MESSAGE_INVALID') ||
      isHeadraceError(error, 'TEXT_NOT_UTF8') ||
      isHeadraceError(error, 'FRAME_CORRUPT');
    const answer = isUnread && !this.hasFailed ? this.format.unreadable?.() : undefined;
    if (answer !== undefined) ctx.writeAndFlush(answer).onSettled(() => {});
    ctx.fireExceptionCaught(error);
  }

  private refuse(ctx: Context, error: DecodeError): void {
    this.hasFailed = true;
    ctx.fireExceptionCaught(error);
    this.ends!.caller.lose('the peer sent what the protocol does not allow', error);
    ctx.channel.end({ reason: 'bad-input' });
  }

  /** Routes each message of the peer to the caller or the answers. */
  private sinkOf(ends: Ends): ExchangeSink<T> {
    const { output, caller, answers } = ends;
    return {
      request: (id, body, timeLeftMs, gather) => {
        if (!answers.request(id, body, timeLeftMs, gather as unknown as AnswerGather))
          this.violation = idInUse(id);
      },
      notification: (body) => answers.notification(body),
      response: (id, result) => caller.answered(id, result),
      refusal: (id, code, text, data) => caller.refused(id, code, text, data),
      cancel: (id) => answers.cancel(id),
      goAway: (lastId) => {
        markPeerLeaving(output.ctx.channel);
        caller.peerLeaves(lastId);
        this.onPeerLeaving();
      },
      reply: (message, why) => {
        if (why !== undefined) answers.refused(why);
        if (message === undefined) return true;
        return encodeErrorOf(output.ctx.channel, output.write(message)) === undefined;
      },
      streams: this.streamSinkOf(ends),
    };
  }

  private streamSinkOf({ caller, answers }: Ends): StreamSink<T> {
    const must = (isAllowed: boolean, violation: string): void => {
      if (!isAllowed) this.violation = violation;
    };
    return {
      open: (id, ...call) => must(answers.open(id, ...call), idInUse(id)),
      item: (id, from, item) =>
        must(
          from === 'answerer' ? caller.item(id, item) : answers.item(id, item),
          `an item for the call ${id}, which takes no items, or no more of them now`,
        ),
      inputEnd: (id) =>
        must(answers.inputEnd(id), `the end of the items of the call ${id}, which takes no items`),
      credit: (id, from, taken) =>
        must(
          from === 'answerer' ? caller.credited(id, taken) : answers.credited(id, taken),
          `credit for ${taken} items of the call ${id}, which sent less`,
        ),
      window: (id, window) =>
        must(
          caller.windowOpened(id, window),
          `a window for the call ${id}, which has no use for it`,
        ),
    };
  }
}

function idInUse(id: ExchangeId): string {
  return `the id ${id} of a request is in use`;
}
