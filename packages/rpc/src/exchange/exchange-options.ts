import {
  describeOptions,
  fn,
  type ItemSource,
  object,
  time,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { MAX_WINDOW_ITEMS } from '../items/item-writer.ts';
import type { ExchangeFormat, ExchangeTypes } from './exchange-format.ts';
import type { ExchangeScope } from './exchange-worker.ts';

/** Options of an {@link ExchangeCallHandler}. */
export interface ExchangeCallHandlerOptions<T extends ExchangeTypes> {
  /** Wire format of the calls: `binaryExchange()`, `jsonRpcExchange()`, or your own. */
  readonly format: ExchangeFormat<T>;
  /** Maximum time until the answer, in milliseconds, including the time in the queue; `false` for no limit. @default 10_000 */
  readonly timeoutMs?: number | false;
  /** Maximum number of calls without an answer. Further calls wait. @default 1024 */
  readonly maxInFlight?: number;
  /** Maximum number of calls and notices that wait to be sent. Further calls fail with `REJECTED_QUEUE`. @default 1024 */
  readonly maxQueued?: number;
  /** Maximum number of items of one stream that are on their way to this end or unread. At most 65536. @default 128 */
  readonly windowItems?: number;
  /** Maximum bytes of one stream's items that are on their way or unread. The last item can exceed the limit. @default 65536 */
  readonly windowBytes?: number;
}

/** Options of an {@link ExchangeHandler}. */
export interface ExchangeOptions<T extends ExchangeTypes> extends ExchangeCallHandlerOptions<T> {
  /**
   * Answers each request of the peer, at once or by a promise. The function also receives notices (`scope.wantsAnswer` is false).
   * Without the function, requests are answered with an error, and notices are dropped. If the caller takes items
   * (`scope.wantsItems`), the function can return a generator or another async iterable. The values are sent as fast as the
   * caller reads them.
   */
  readonly handle?: (
    request: T['request'],
    scope: ExchangeScope<T>,
  ) =>
    | T['answer']
    | PromiseLike<T['answer']>
    | AsyncIterable<T['answer']>
    | Generator<T['answer'], unknown, unknown>;
  /**
   * Maximum number of calls and notices that wait to be sent. Further calls fail with `REJECTED_QUEUE`. The same number of the
   * peer's requests can wait for `concurrency`. Further requests are refused as overloaded.
   * @default 1024
   */
  readonly maxQueued?: number;
  /** Number of the peer's requests that are processed at the same time. At this number, reads are held. @default 256 */
  readonly concurrency?: number;
  /**
   * Maximum number of the peer's calls with items. Further calls are refused as overloaded. Calls with items hold no reads and do
   * not count in `concurrency`.
   * @default 100
   */
  readonly maxStreams?: number;
}

/**
 * Options of {@link ExchangeHandler.request}.
 *
 * @typeParam Item - type of the items that the caller sends
 */
export interface CallOptions<Item = unknown> {
  /** Maximum time until the answer, in milliseconds. @default the handler's own */
  readonly timeoutMs?: number | false;
  /** Signal that cancels the call, here and at the peer. */
  readonly signal?: AbortSignal;
  /**
   * Items to send with the call, as fast as the peer's function reads them: an array, a generator, or a stream. When the items
   * end, `scope.items` of the peer ends. An error of the source fails the call. When the call has ended, the source is released.
   * @default none
   */
  readonly input?: AsyncIterable<Item> | Iterable<Item>;
}

/**
 * Options of {@link ExchangeHandler.stream}.
 *
 * @typeParam Item - type of the items that the caller sends
 */
export interface StreamOptions<Item = unknown> extends CallOptions<Item> {
  /** Maximum duration of the whole stream, in milliseconds. The peer receives this limit, too. @default false */
  readonly timeoutMs?: number | false;
  /**
   * Maximum time that a reader waits for the next item, in milliseconds; `false` for no limit.
   * @default `timeoutMs` of the handler
   */
  readonly itemTimeoutMs?: number | false;
}

/** Counts of the work under way in an {@link ExchangeHandler}, and of dropped messages. */
export interface ExchangeCounts {
  /** Number of this end's calls without an answer. */
  readonly inFlight: number;
  /** Number of calls and notices that wait to be sent. */
  readonly queued: number;
  /** Number of the peer's requests without an answer. */
  readonly unanswered: number;
  /** Number of functions that have not settled, including cancelled requests. */
  readonly running: number;
  /** Number of dropped answers whose call had already ended. */
  readonly lateAnswers: number;
  /** Number of dropped answers with an unknown id. */
  readonly unknownAnswers: number;
}

export const CALL_HANDLER_OPTIONS = describeOptions('ExchangeCallHandler', {
  format: object('an ExchangeFormat', { required: true }),
  timeoutMs: time({ default: 10_000 }),
  maxInFlight: whole({ min: 1, default: 1024 }),
  maxQueued: whole({ default: 1024 }),
  windowItems: whole({ min: 1, max: MAX_WINDOW_ITEMS, default: 128 }),
  windowBytes: whole({ min: 1, max: 0xffff_ffff, default: 64 * 1024 }),
});
export type ExchangeDescription = Pick<typeof CALL_HANDLER_OPTIONS, 'owner' | 'resolve'>;

export const OPTIONS = describeOptions('ExchangeHandler', {
  ...CALL_HANDLER_OPTIONS.kinds,
  handle: fn({ answers: 'async', purpose: 'answers a request' }),
  concurrency: whole({ min: 1, default: 256 }),
  maxStreams: whole({ default: 100 }),
});

export const CALL_OPTIONS = describeOptions('request', {
  timeoutMs: time(),
  signal: unchecked(),
  input: unchecked(),
});
export const STREAM_OPTIONS = describeOptions('stream', {
  timeoutMs: time({ default: false }),
  itemTimeoutMs: time(),
  signal: unchecked(),
  input: unchecked(),
});

export const NO_OPTIONS: {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly input?: ItemSource;
} = {};
