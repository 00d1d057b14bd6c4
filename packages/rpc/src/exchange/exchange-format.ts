import type { ItemWindow } from '../items/item-writer.ts';

/** Id of a request on the wire: a number of this end, or any id of the peer's protocol. */
export type ExchangeId = number | string;

/** The types of one format, the same for both ends. */
export interface ExchangeTypes {
  /** Type of the messages that the handler reads. */
  reads: unknown;
  /** Type of the messages that the handler writes. */
  writes: unknown;
  /** Type of an outbound request: the argument of `request` and `notify`. */
  call: unknown;
  /** Type of an inbound request: the argument of `handle`. */
  request: unknown;
  /** Type of the return value of `handle`. */
  answer: unknown;
  /** Type of the value that `request` resolves with. */
  result: unknown;
}

/** Reason why the handler itself answers a request with an error. */
export type ExchangeFailure =
  | 'failed'
  | 'too-late'
  | 'overloaded'
  | 'unknown'
  | 'cancelled'
  /** The items of the call end before their last one, because the process or the connection that has them goes away. */
  | 'lost';

/** Collects an answer, and returns the message to write, or `undefined` if further answers are missing. */
export type AnswerGather<T extends ExchangeTypes = ExchangeTypes> = (
  answer: T['writes'],
) => T['writes'] | undefined;

/** Receiver of the messages that {@link ExchangeFormat.read} reads. */
export interface ExchangeSink<T extends ExchangeTypes = ExchangeTypes> {
  /**
   * Accepts a message that must be answered.
   *
   * @param timeLeftMs - time that the caller will wait, `Infinity` if unknown
   * @param gather - collects the answer of a batch, and returns the message to write, if there is one already
   */
  request(id: ExchangeId, body: T['request'], timeLeftMs: number, gather?: AnswerGather<T>): void;
  /** Accepts a message that is not answered. */
  notification(body: T['request']): void;
  /** Accepts the answer to a request of this end. */
  response(id: ExchangeId, result: T['result']): void;
  /** Accepts an error as the answer. `id` is `null` if the peer did not know the request's id. */
  refusal(id: ExchangeId | null, code: number, text: string, data?: unknown): void;
  /** Accepts the cancel of a request. */
  cancel(id: ExchangeId): void;
  /** Accepts that the peer takes no more requests after the request `lastId` of this end, 0 for none. */
  goAway(lastId: number): void;
  /**
   * Writes a reply of the format itself, to a message that is otherwise ignored. `undefined` writes nothing.
   *
   * @param why - reason why the message is refused, for the log
   * @returns false if the reply cannot be encoded
   */
  reply(message: T['writes'] | undefined, why?: string): boolean;
  /** Receiver of stream messages, for formats with {@link ExchangeFormat.streams}. */
  readonly streams: StreamSink<T>;
}

/** The end that made a call, or the end that answers the call. */
export type CallEnd = 'caller' | 'answerer';

/** The messages of calls with streams. `from` names the end that sent the message, because each end numbers its own calls. */
export interface StreamSink<T extends ExchangeTypes = ExchangeTypes> {
  /**
   * Begins a call with streams. `timeLeftMs` is the time that the caller will wait, `Infinity` if unknown.
   *
   * @param window - window of a caller that takes items; `undefined` if the caller takes one answer
   * @param sendsItems - whether items of the caller follow, after this end has sent its window
   */
  open(
    id: ExchangeId,
    body: T['request'],
    timeLeftMs: number,
    window: ItemWindow | undefined,
    sendsItems: boolean,
  ): void;
  /** Accepts one item of a stream. */
  item(id: ExchangeId, from: CallEnd, item: T['result']): void;
  /** Accepts the end of the caller's items. */
  inputEnd(id: ExchangeId): void;
  /** Accepts the number of items that the reader took since the last credit. */
  credit(id: ExchangeId, from: CallEnd, taken: number): void;
  /** Accepts the answerer's window for items of the caller. */
  window(id: ExchangeId, window: ItemWindow): void;
}

/** The wire format of streams, which writes the messages of {@link StreamSink}. */
export interface StreamFormat<T extends ExchangeTypes = ExchangeTypes> {
  /** Encodes {@link StreamSink.open}. */
  open(
    id: number,
    body: T['call'],
    timeLeftMs: number,
    window: ItemWindow | undefined,
    sendsItems: boolean,
  ): T['writes'];
  /** Encodes {@link StreamSink.item}. */
  item(id: ExchangeId, from: CallEnd, item: T['answer']): T['writes'];
  /** Encodes {@link StreamSink.inputEnd}. */
  inputEnd(id: number): T['writes'];
  /** Encodes {@link StreamSink.credit}. */
  credit(id: ExchangeId, from: CallEnd, taken: number): T['writes'];
  /** Encodes {@link StreamSink.window}. */
  window(id: ExchangeId, window: ItemWindow): T['writes'];
  /** Returns the size of an item in bytes, as windows count it. */
  sizeOf(item: T['answer'] | T['result']): number;
  /** Returns true if an answer is the only item, from a peer that does not support streams. */
  isItem(result: T['result']): boolean;
}

/**
 * The wire format of calls. A format has no state. Share one format between all handlers.
 *
 * @typeParam T - types of its messages
 */
export interface ExchangeFormat<T extends ExchangeTypes = ExchangeTypes> {
  /** Types of the format, for the compiler only. */
  readonly types?: T;
  /** Codes of the errors that the handler answers with. @default 0 for each */
  readonly codes?: Readonly<Record<ExchangeFailure, number>>;
  /**
   * Number of bits that the protocol has for the id of a request. Ids begin again at 1 after the highest one, and leave out those
   * in use. No more calls are under way than there are ids: further calls wait in the queue (`maxQueued`) until their time is over.
   * @default 32
   */
  readonly idBits?: 8 | 16 | 32;
  /** Reads one message. Throws a `DecodeError` for a message that the protocol does not allow. */
  read(message: T['reads'], sink: ExchangeSink<T>): void;
  /**
   * Encodes a message that must be answered.
   *
   * @param id - from 1 to 2³² − 1, or to the highest number of `idBits`
   * @param timeLeftMs - whole and at least 1, or `Infinity`
   */
  request(id: number, body: T['call'], timeLeftMs: number): T['writes'];
  /** Encodes a message that is not answered. Without this method, or for `undefined`, the notice fails. */
  notification?(body: T['call']): T['writes'] | undefined;
  /** Encodes the cancel of a request. Without this method, or for `undefined`, the peer is not notified. */
  cancel?(id: number): T['writes'] | undefined;
  /** Encodes the answer to a request. Without this method, or for `undefined`, nothing is sent. */
  response?(id: ExchangeId, answer: T['answer']): T['writes'] | undefined;
  /** Encodes the answer to a request that failed. Without this method, or for `undefined`, nothing is sent. */
  error?(id: ExchangeId, code: number, text: string, data?: unknown): T['writes'] | undefined;
  /** Makes the answer to a message that an earlier codec could not read. @default no answer */
  unreadable?(): T['writes'];
  /**
   * Encodes that this end takes no more requests after the request `lastId` of the peer, 0 for none. Without this message, a caller
   * does not know which of its calls the end of the connection has lost.
   */
  goAway?(lastId: number): T['writes'];
  /** Format of streams. Without this format, each call has one answer. */
  readonly streams?: StreamFormat<T>;
}
