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
  /** @param timeLeftMs - how long the caller will wait, `Infinity` if it did not say */
  request(id: ExchangeId, body: T['request'], timeLeftMs: number): void;
  notification(body: T['request']): void;
  response(id: ExchangeId, result: T['result']): void;
  /** An error for an answer; `null` where the peer did not know which request it was. */
  refusal(id: ExchangeId | null, code: number, text: string, data?: unknown): void;
  cancel(id: ExchangeId): void;
  /** A message that is answered by the format alone, and ignored otherwise. */
  reply(message: T['writes']): void;
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
   * @param id - from 1 to 2³² − 1
   * @param timeLeftMs - whole and at least 1, or `Infinity`
   */
  request(id: number, body: T['call'], timeLeftMs: number): T['writes'];
  notification(body: T['call']): T['writes'];
  cancel(id: number): T['writes'];
  response(id: ExchangeId, answer: T['answer']): T['writes'];
  error(id: ExchangeId, code: number, text: string, data?: unknown): T['writes'];
}
