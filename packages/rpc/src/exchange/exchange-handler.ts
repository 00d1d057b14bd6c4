import type { DrainGate } from '@headrace/core/authoring';
import type { CallOutput } from '@headrace/handlers/call';
import type { ExchangeAnswers } from './exchange-answers.ts';
import { type CallLimits, ExchangeCallHandler } from './exchange-call-handler.ts';
import type { ExchangeFormat, ExchangeTypes } from './exchange-format.ts';
import { type ExchangeOptions, OPTIONS } from './exchange-options.ts';
import { ExchangeWorker } from './exchange-worker.ts';

/** The resolved options of both directions. */
interface AnswerLimits extends CallLimits {
  readonly concurrency: number;
  readonly maxStreams: number;
}

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
export class ExchangeHandler<T extends ExchangeTypes> extends ExchangeCallHandler<T> {
  /** @internal */
  declare protected readonly options: ExchangeOptions<T>;
  /** @internal */
  declare protected readonly limits: AnswerLimits;

  constructor(options: ExchangeOptions<T>) {
    super(options, OPTIONS);
  }

  override fresh(): ExchangeHandler<T> {
    return new ExchangeHandler(this.options);
  }

  /** @internal */
  protected override answersOf(
    output: CallOutput,
    format: ExchangeFormat,
    drain: DrainGate,
  ): ExchangeAnswers {
    const { handle } = this.options;
    if (handle === undefined) return super.answersOf(output, format, drain);
    return new ExchangeWorker(
      output,
      { ...this.limits, format, handle: handle as never },
      () => drain.update(),
      () => drain.isActive,
    );
  }
}
