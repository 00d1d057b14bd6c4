import type { ItemWindow } from '../call/item-writer.ts';

/** The id of a request on the wire: a number of ours, or any id that the peer's protocol has. */
export type ExchangeId = number | string;

/** The types of one format; each end has the same. */
export interface ExchangeTypes {
  /** Messages as the handler reads them. */
  reads: unknown;
  /** Messages as the handler writes them. */
  writes: unknown;
  /** An outbound request: the argument of `request` and `notify`. */
  call: unknown;
  /** An inbound request: the argument of `handle`. */
  request: unknown;
  /** The return value of `handle`. */
  answer: unknown;
  /** The value that `request` resolves with. */
  result: unknown;
}

/** Why a request is answered with an error where its function did not choose a code itself. */
export type ExchangeFailure = 'failed' | 'too-late' | 'overloaded' | 'unknown' | 'cancelled';

/** One function for each kind of message: {@link ExchangeFormat.read} calls the one that fits. */
export interface ExchangeSink<T extends ExchangeTypes = ExchangeTypes> {
  /**
   * A message that is to be answered. @param timeLeftMs - how long the caller will wait, `Infinity` if it did not
   * say
   */
  request(id: ExchangeId, body: T['request'], timeLeftMs: number): void;
  /** A message that is not answered. */
  notification(body: T['request']): void;
  /** The answer to a request of this end. */
  response(id: ExchangeId, result: T['result']): void;
  /** An error for an answer; `null` where the peer did not know which request it was. */
  refusal(id: ExchangeId | null, code: number, text: string, data?: unknown): void;
  /** The caller needs no answer any more. */
  cancel(id: ExchangeId): void;
  /** A message that is answered by the format alone, and ignored otherwise. */
  reply(message: T['writes']): void;
  /** For formats with {@link ExchangeFormat.streams}. */
  readonly streams: StreamSink<T>;
}

/** The end that made a call, or the one that answers it. */
export type CallEnd = 'caller' | 'answerer';

/** The messages of calls with streams. `from` says which end sent it: each end numbers its own calls. */
export interface StreamSink<T extends ExchangeTypes = ExchangeTypes> {
  /**
   * A call with streams begins; `timeLeftMs` is how long the caller will wait, `Infinity` if it did not say.
   *
   * @param window - of the caller, who takes items instead of one answer; `undefined` if it takes an answer
   * @param sendsItems - items of the caller follow, when this end gave its window
   */
  open(
    id: ExchangeId,
    body: T['request'],
    timeLeftMs: number,
    window: ItemWindow | undefined,
    sendsItems: boolean,
  ): void;
  /** One item of a stream. */
  item(id: ExchangeId, from: CallEnd, item: T['result']): void;
  /** The caller sends no more items. */
  inputEnd(id: ExchangeId): void;
  /** The reader took so many items since the last credit. */
  credit(id: ExchangeId, from: CallEnd, taken: number): void;
  /** The answerer takes items of the caller. */
  window(id: ExchangeId, window: ItemWindow): void;
}

/** How streams look on the wire: the messages of {@link StreamSink}, written. */
export interface StreamFormat<T extends ExchangeTypes = ExchangeTypes> {
  /** As {@link StreamSink.open}. */
  open(
    id: number,
    body: T['call'],
    timeLeftMs: number,
    window: ItemWindow | undefined,
    sendsItems: boolean,
  ): T['writes'];
  /** As {@link StreamSink.item}. */
  item(id: ExchangeId, from: CallEnd, item: T['answer']): T['writes'];
  /** As {@link StreamSink.inputEnd}. */
  inputEnd(id: number): T['writes'];
  /** As {@link StreamSink.credit}. */
  credit(id: ExchangeId, from: CallEnd, taken: number): T['writes'];
  /** As {@link StreamSink.window}. */
  window(id: ExchangeId, window: ItemWindow): T['writes'];
  /** The bytes of an item, one that is sent or one that came, as far as windows are concerned. */
  sizeOf(item: T['answer'] | T['result']): number;
  /** True for the answer to a stream from a peer that has one value and knows no items: it is the only item. */
  isItem(result: T['result']): boolean;
}

/**
 * How calls look on the wire. It knows no connection and keeps nothing: make it once and hand it to all handlers.
 *
 * @typeParam T - the types of its messages
 */
export interface ExchangeFormat<T extends ExchangeTypes = ExchangeTypes> {
  /** For the compiler only. */
  readonly types?: T;
  /** The codes of errors that the handler answers with. */
  readonly codes: Readonly<Record<ExchangeFailure, number>>;
  /** Reads one message; throws a `DecodeError` for one that the protocol does not allow. */
  read(message: T['reads'], sink: ExchangeSink<T>): void;
  /**
   * A message that is answered.
   *
   * @param id - from 1 to 2³² − 1
   * @param timeLeftMs - whole and at least 1, or `Infinity`
   */
  request(id: number, body: T['call'], timeLeftMs: number): T['writes'];
  /** A message that is not answered. */
  notification(body: T['call']): T['writes'];
  /** The caller needs no answer any more. */
  cancel(id: number): T['writes'];
  /** The answer to a request. */
  response(id: ExchangeId, answer: T['answer']): T['writes'];
  /** The answer to a request that failed. */
  error(id: ExchangeId, code: number, text: string, data?: unknown): T['writes'];
  /** Without it, calls have one answer each. */
  readonly streams?: StreamFormat<T>;
}
