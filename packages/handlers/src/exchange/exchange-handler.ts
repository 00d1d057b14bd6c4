import {
  type Context,
  DecodeError,
  type Direction,
  type Handler,
  PipelineError,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { DrainGate } from '@headrace/core/authoring';
import { CallOutput } from '../call/call-output.ts';
import type { ItemWindow } from '../call/item-writer.ts';
import { ExchangeCaller } from './exchange-caller.ts';
import { invalidMessage } from './exchange-error.ts';
import type {
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

/** One channel's part: it exists from `handlerAdded` on. */
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
 * Calls over one connection, in both directions: asks the peer and gives each answer to its caller, and answers the peer's
 * requests, in any order. A call may have a stream of items in place of its answer, or send one ({@link stream}).
 *
 * ```text
 *  wire | frame | [exchange]                binaryExchange(): bodies are bytes
 *  wire | frame | JsonCodec | [exchange]    jsonRpcExchange()
 * ```
 *
 * - **Place** last.
 * - **In** the messages of its format.
 * - **Out** nothing; it writes requests, notices, answers and cancels, and flushes those of one event together.
 * - **Events** forwards all; on a `DrainEvent` the channel does not end while a call of either end is under way. While
 *   `concurrency` functions run, it holds reads.
 * - **Errors** a message that the format does not allow, or a request whose id is in use: `MESSAGE_INVALID` with the
 *   bytes, then the channel ends as `bad-input`. Calls fail with `REQUEST_REFUSED` (the answer is an error, its
 *   `details.code` and `details.text`), `TIMEOUT_REQUEST`, `OPERATION_ABORTED` (by its signal), `REJECTED_QUEUE`, or
 *   `REQUEST_LOST` when the connection ends; `details.sent` is false only if no byte of the request can have left, so
 *   that it was certainly not executed. An error that a function throws is logged, and answered without its
 *   text, unless it is a `refusal(code, text)`.
 * - **State** one channel: calls in flight and in the queue, requests under way, items of each stream up to the window.
 * - **Cost** for a call a promise, two small objects and an entry in a map; for a request an object and, if its
 *   function makes a promise, an entry in a map. One timer for all calls, one for all requests. An item of a stream is one message and two promises. Credit is one
 *   message for half of a window, or for the items since then when the reader waits.
 * - **Pitfalls** while reads are held no answer comes either: where functions call the peer back, `concurrency`
 *   must be more than both ends need at once. A cancelled function counts until it settles, so let it look at
 *   `scope.signal`. A late answer is dropped, its work was done anyway. A peer that asks and does not read its
 *   answers is closed as `slow-consumer`; with `ReadWhenWritable` before this handler it waits instead.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { connectedPair } from '@headrace/core/testing';
 * import { binaryExchange, ExchangeHandler } from '@headrace/handlers';
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
  /** After bad input. */
  private hasFailed = false;
  /** Why the current message is refused, which its format allows. */
  private violation: string | undefined = undefined;

  constructor(options: ExchangeOptions<T>) {
    const resolved = OPTIONS.resolve(options as unknown as ExchangeOptions<ExchangeTypes>);
    const { windowItems: items, windowBytes: bytes } = resolved;
    this.limits = { ...resolved, window: { items, bytes } };
    this.options = options;
    this.format = options.format;
  }

  /** A handler with the same options, for another channel: with it an instance may stand in a `pipeline()`. */
  fresh(): ExchangeHandler<T> {
    return new ExchangeHandler(this.options);
  }

  /** True while a call would go out: the channel is connected, does not end, and answers can come. */
  get isReady(): boolean {
    return this.ends?.caller.isReady === true;
  }

  /** Counts of the work under way, and of the messages that were dropped. */
  get counts(): ExchangeCounts {
    if (this.ends === undefined) return NO_COUNTS;
    const { caller, worker } = this.ends;
    const { inFlight, queued, lateAnswers, unknownAnswers } = caller;
    const { unanswered, running } = worker;
    return { inFlight, queued, unanswered, running, lateAnswers, unknownAnswers };
  }

  /**
   * Asks the peer. Rejects as the card says; never throws. Before the channel is connected, and while it is not
   * writable or `maxInFlight` calls are under way, the call waits.
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
      return Promise.reject(thrown);
    }
  }

  /**
   * Asks the peer for items: `for await (const item of exchange.stream(body))`. The peer sends them as fast as they are read.
   * A reader that leaves the loop cancels the call. Items that came before an error are read first; the error is one of those
   * of {@link request}, `TIMEOUT_REQUEST` even when the next item does not come in time. A peer that answers with one value
   * sends one item.
   *
   * @throws OptionError if an option is not valid
   * @throws PipelineError `PIPELINE_STATE` before the handler is in the pipeline of a registered channel
   */
  stream(
    body: T['call'],
    options: StreamOptions<T['answer']> = {},
  ): AsyncIterableIterator<T['result']> {
    const { caller } = this.mustHaveEnds();
    const { itemTimeoutMs = this.limits.timeoutMs, ...settings } = STREAM_OPTIONS.resolve(options);
    const items = caller.stream(body, settings, itemTimeoutMs);
    this.drain.update();
    return items as AsyncIterableIterator<T['result']>;
  }

  /**
   * Tells the peer something that it does not answer. Nothing overtakes the calls before it.
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
      worker: new ExchangeWorker(output, { ...limits, format: anyFormat, handle }, changed),
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
    this.ends?.worker.goOn();
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
    this.drain.see(event);
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

  private refuse(ctx: Context, error: DecodeError): void {
    this.hasFailed = true;
    ctx.fireExceptionCaught(error);
    this.ends!.caller.lose('the peer sent what the protocol does not allow', error);
    ctx.channel.end({ reason: 'bad-input' });
  }

  /** Passes what a message turned out to be to the end that it is about. */
  private sinkOf(ends: Ends): ExchangeSink<T> {
    const { output, caller, worker } = ends;
    return {
      request: (id, body, timeLeftMs) => {
        if (!worker.request(id, body, timeLeftMs)) this.violation = idInUse(id);
      },
      notification: (body) => worker.notification(body),
      response: (id, result) => caller.answered(id, result),
      refusal: (id, code, text, data) => caller.refused(id, code, text, data),
      cancel: (id) => worker.cancel(id),
      reply: (message) => void output.write(message),
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
