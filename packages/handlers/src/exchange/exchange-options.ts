import { describeOptions, fn, object, time, unchecked, whole } from '@headrace/core/authoring';
import type { ItemSource } from '../call/item-source.ts';
import { MAX_WINDOW_ITEMS } from '../call/item-writer.ts';
import type { ExchangeFormat, ExchangeTypes } from './exchange-format.ts';
import type { ExchangeScope } from './exchange-worker.ts';

/** Options of an {@link ExchangeHandler}. */
export interface ExchangeOptions<T extends ExchangeTypes> {
  /** How calls look on the wire: `binaryExchange()`, `jsonRpcExchange()`, or one of your own. */
  readonly format: ExchangeFormat<T>;
  /**
   * Answers a request, at once or later, and gets notifications, too; see `scope.wantsAnswer`. Without it requests are
   * answered with an error, and notifications dropped. For a caller who takes items (`scope.wantsItems`) it may return a
   * generator or another async iterable, whose values are sent as fast as the caller reads.
   */
  readonly handle?: (
    request: T['request'],
    scope: ExchangeScope<T>,
  ) =>
    | T['answer']
    | PromiseLike<T['answer']>
    | AsyncIterable<T['answer']>
    | Generator<T['answer'], unknown, unknown>;
  /** How long a call waits for its answer, the time in the queue included; `false` for no limit. @default 10_000 */
  readonly timeoutMs?: number | false;
  /** Calls that were sent and have no answer yet; others wait. @default 1024 */
  readonly maxInFlight?: number;
  /** Calls that wait to be sent, and the notifications behind them; one more fails with `REJECTED_QUEUE`. @default 1024 */
  readonly maxQueued?: number;
  /** Requests of the peer that are worked on at the same time; from then on reads are held. @default 256 */
  readonly concurrency?: number;
  /**
   * Calls with items of the peer that are under way at the same time; one more is refused as overloaded. They hold no reads
   * and are not counted in `concurrency`. @default 100
   */
  readonly maxStreams?: number;
  /**
   * Items of one stream that are on their way to this end, or wait for its reader; the peer sends no more. At most 65536. @default 128
   */
  readonly windowItems?: number;
  /**
   * The same in bytes. The peer begins an item while both are below, so that one item may be larger. @default 65536
   */
  readonly windowBytes?: number;
}

/**
 * Options of {@link ExchangeHandler.request}.
 *
 * @typeParam Item - of the items that the caller sends
 */
export interface CallOptions<Item = unknown> {
  /** How long the answer may take, in milliseconds. @default the handler's own */
  readonly timeoutMs?: number | false;
  /** Cancels the call, here and at the peer. */
  readonly signal?: AbortSignal;
  /**
   * Items to send with the call, as fast as the function at the peer reads them; an array, a generator, a stream. Its end
   * is the end of `scope.items` there. An error of it fails the call, and it is given up when the call is over.
   * @default none
   */
  readonly input?: AsyncIterable<Item> | Iterable<Item>;
}

/**
 * Options of {@link ExchangeHandler.stream}.
 *
 * @typeParam Item - of the items that the caller sends
 */
export interface StreamOptions<Item = unknown> extends CallOptions<Item> {
  /** How long the whole stream may take; the peer knows it, too. @default false */
  readonly timeoutMs?: number | false;
  /** How long a reader waits for the next item; `false` for no limit. @default `timeoutMs` of the handler */
  readonly itemTimeoutMs?: number | false;
}

/** Counts of the work that an {@link ExchangeHandler} has under way, and of the messages that it dropped. */
export interface ExchangeCounts {
  /** Calls of this end without an answer. */
  readonly inFlight: number;
  /** Calls, and notifications behind them, that wait to be sent. */
  readonly queued: number;
  /** The peer's requests without an answer. */
  readonly unanswered: number;
  /** Functions that have not settled, those of cancelled requests included. */
  readonly running: number;
  /** Answers that were dropped because their call had been given up. */
  readonly lateAnswers: number;
  /** Answers that were dropped because nothing was asked. */
  readonly unknownAnswers: number;
}

export const OPTIONS = describeOptions('ExchangeHandler', {
  format: object('an ExchangeFormat', { required: true }),
  handle: fn({ answers: 'a promise', purpose: 'answers a request' }),
  timeoutMs: time({ default: 10_000 }),
  maxInFlight: whole({ min: 1, default: 1024 }),
  maxQueued: whole({ default: 1024 }),
  concurrency: whole({ min: 1, default: 256 }),
  maxStreams: whole({ default: 100 }),
  windowItems: whole({ min: 1, max: MAX_WINDOW_ITEMS, default: 128 }),
  windowBytes: whole({ min: 1, max: 0xffff_ffff, default: 64 * 1024 }),
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
