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
import { DrainGate, releaseSource } from '@headrace/core/authoring';
import { CallOutput, encodeErrorOf } from '@headrace/handlers/call';
import type { ItemWindow } from '../items/item-writer.ts';
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
  type ExchangeCounts,
  type ExchangeOptions,
  NO_OPTIONS,
  OPTIONS,
  STREAM_OPTIONS,
  type StreamOptions,
} from './exchange-options.ts';
import { ExchangeWorker } from './exchange-worker.ts';

interface Limits {
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  readonly concurrency: number;
  readonly maxStreams: number;
  readonly window: ItemWindow;
}

/** The parts of the handler for one channel, from `handlerAdded` on. */
interface Ends {
  readonly output: CallOutput;
  readonly caller: ExchangeCaller;
  readonly worker: ExchangeWorker;
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
 * Calls over one connection, in both directions. The handler sends requests to the peer, and answers the peer's requests in any
 * order. A call can receive a stream of items instead of one answer, or send a stream ({@link stream}).
 *
 * ```text
 *  wire | frame | [exchange]                binaryExchange(): bodies are bytes
 *  wire | frame | JsonCodec | [exchange]    jsonRpcExchange()
 * ```
 *
 * - **Place** Last.
 * - **In** The messages of its format.
 * - **Out** Nothing. The handler writes requests, notices, answers and cancels, and flushes the messages of one event together.
 * - **Events** Forwards all. After a `DrainEvent`, the handler tells the peer which of its requests was the last, and refuses
 *   later requests. The channel does not end while a call of either end is under way. The handler holds reads while `concurrency` functions run.
 * - **Errors** A message that the format does not allow, or a request whose id is in use, raises `MESSAGE_INVALID` with the
 *   bytes. The channel then ends as `bad-input`. A call fails with `REQUEST_REFUSED` if the peer answers with an error
 *   (`details.code`, `details.text`), with `TIMEOUT_REQUEST`, with `OPERATION_ABORTED` by its signal, with `REJECTED_QUEUE`, or
 *   with `REQUEST_LOST` if the connection ends. `details.sent` is false only if no byte of the request can have left, or if the
 *   peer has stated that it did not take the request. The peer then cannot have executed the request. An error that a function
 *   throws is logged, and answered without its text, unless the error is a `refusal(code, text)`. With `jsonRpcExchange`, a message
 *   that is not a request is answered with −32600 and logged, and JSON that the codec before cannot read is answered with −32700.
 * - **State** One channel: calls in flight and in the queue, requests under way, items of each stream up to the window.
 * - **Cost** A call needs a promise, two small objects and a map entry. A request needs an object, and a map entry if its
 *   function returns a promise. One timer serves all calls, another all requests. An item of a stream needs one message and two
 *   promises. A credit message is sent for half of a window, or when the reader waits.
 * - **Pitfalls** No answers arrive while reads are held. If functions call the peer back, `concurrency` must be higher than the
 *   number of calls that both ends need at once. A cancelled function counts until it settles, so it should check `scope.signal`.
 *   A late answer is dropped, although the peer has done the work. A peer that sends requests and does not read the answers is
 *   closed as `slow-consumer`. With `ReadWhenWritable` before this handler, that peer waits instead.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { connectedPair } from '@headrace/core/testing';
 * import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
 *
 * const format = binaryExchange();
 * const caller = new ExchangeHandler({ format });
 * const answerer = new ExchangeHandler({ format, handle: (name) => Buffer.from(`hello ${name}`) });
 * const { clock } = connectedPair({
 *   client: (channel) => channel.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 1000 }), caller),
 *   server: (channel) => channel.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 1000 }), answerer),
 * });
 * const answer = clock.run(() => caller.request(Buffer.from('ann')));
 * console.log(String(await answer));
 * // prints hello ann
 * ```
 * @see `RequestHandler` for protocols without ids; the Language Server Protocol, "Base Protocol"
 */
export class ExchangeHandler<T extends ExchangeTypes> implements Handler {
  declare readonly types: Types<{ reads: T['reads']; passesOn: never; writes: T['writes'] }>;
  private readonly format: ExchangeFormat<T>;
  private readonly options: ExchangeOptions<T>;
  private readonly limits: Limits;
  private ends: Ends | undefined = undefined;
  private sink: ExchangeSink<T> | undefined = undefined;
  private readonly drain = new DrainGate('calls', () => this.isBusy);
  /** Whether bad input has ended the handler's work. */
  private hasFailed = false;
  /** Why the current message is refused, although its format allows it. */
  private violation: string | undefined = undefined;

  constructor(options: ExchangeOptions<T>) {
    const resolved = OPTIONS.resolve(options as unknown as ExchangeOptions<ExchangeTypes>);
    const { windowItems: items, windowBytes: bytes } = resolved;
    this.limits = { ...resolved, window: { items, bytes } };
    this.options = options;
    this.format = options.format;
  }

  /** Makes a handler with the same options for another channel, so that an instance can stand in a `pipeline()`. */
  fresh(): ExchangeHandler<T> {
    return new ExchangeHandler(this.options);
  }

  /** Whether a call can be sent now: the channel is connected and not ending, and answers can arrive. */
  get isReady(): boolean {
    return this.ends?.caller.isReady === true;
  }

  /**
   * Whether the peer has announced that it takes no more calls, because it ends the connection soon. Calls that the peer has taken
   * are still answered.
   */
  get isPeerLeaving(): boolean {
    return this.ends?.caller.isPeerLeaving === true;
  }

  /** Counts of the work under way, and of dropped messages. */
  get counts(): ExchangeCounts {
    if (this.ends === undefined) return NO_COUNTS;
    const { caller, worker } = this.ends;
    const { inFlight, queued, lateAnswers, unknownAnswers } = caller;
    const { unanswered, running } = worker;
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
      'the ExchangeHandler is not in the pipeline of a registered channel yet: call it from channelActive on',
    );
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    const { format, limits } = this;
    const output = new CallOutput(ctx);
    const changed = () => this.drain.update();
    const anyFormat = format as unknown as ExchangeFormat;
    const handle = this.options.handle as never;
    this.ends = {
      output,
      caller: new ExchangeCaller(output, { ...limits, format: anyFormat }, changed),
      worker: new ExchangeWorker(
        output,
        { ...limits, format: anyFormat, handle },
        changed,
        () => this.drain.isActive,
      ),
    };
    this.sink = this.sinkOf(this.ends);
    if (ctx.channel.isInputShutdown) this.ends.caller.lose(HALF_ENDED);
  }

  handlerRemoved(): void {
    this.ends?.caller.lose('the ExchangeHandler was removed');
    this.ends?.worker.abandon();
    this.ends?.worker.release();
  }

  channelActive(ctx: Context): void {
    ctx.fireChannelActive();
    this.ends?.caller.sendQueued();
  }

  channelWritabilityChanged(ctx: Context): void {
    this.ends?.caller.sendQueued();
    this.ends?.worker.resume();
    ctx.fireChannelWritabilityChanged();
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') {
      this.ends?.caller.lose(HALF_ENDED);
      this.ends?.worker.loseInput();
    } else this.ends?.caller.loseQueued();
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    const { closeInfo } = ctx.channel;
    this.ends?.caller.lose(`the channel closed (${closeInfo?.reason})`, closeInfo?.error);
    this.ends?.worker.abandon();
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (this.drain.see(event)) {
      if (event.endsChannel) this.ends?.worker.leave();
      this.ends?.worker.loseResumable();
    }
    ctx.fireUserEventTriggered(event);
  }

  private get isBusy(): boolean {
    const { ends } = this;
    return ends !== undefined && (ends.caller.isBusy || ends.worker.unanswered > 0);
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

  /** Routes each message of the peer to the caller or the worker. */
  private sinkOf(ends: Ends): ExchangeSink<T> {
    const { output, caller, worker } = ends;
    return {
      request: (id, body, timeLeftMs, gather) => {
        if (!worker.request(id, body, timeLeftMs, gather as unknown as AnswerGather))
          this.violation = idInUse(id);
      },
      notification: (body) => worker.notification(body),
      response: (id, result) => caller.answered(id, result),
      refusal: (id, code, text, data) => caller.refused(id, code, text, data),
      cancel: (id) => worker.cancel(id),
      goAway: (lastId) => caller.peerLeaves(lastId),
      reply: (message, why) => {
        if (why !== undefined) worker.refused(why);
        if (message === undefined) return true;
        return encodeErrorOf(output.ctx.channel, output.write(message)) === undefined;
      },
      streams: this.streamSinkOf(ends),
    };
  }

  private streamSinkOf({ caller, worker }: Ends): StreamSink<T> {
    const must = (isAllowed: boolean, violation: string): void => {
      if (!isAllowed) this.violation = violation;
    };
    return {
      open: (id, ...call) => must(worker.open(id, ...call), idInUse(id)),
      item: (id, from, item) =>
        must(
          from === 'answerer' ? caller.item(id, item) : worker.item(id, item),
          `an item for the call ${id}, which takes no items, or no more of them now`,
        ),
      inputEnd: (id) =>
        must(worker.inputEnd(id), `the end of the items of the call ${id}, which takes no items`),
      credit: (id, from, taken) =>
        must(
          from === 'answerer' ? caller.credited(id, taken) : worker.credited(id, taken),
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
