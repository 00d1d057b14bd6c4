import { BatchAnswers } from './batch-answers.ts';
import { invalidMessage, unexpectedKind } from './exchange-error.ts';
import type {
  ExchangeFailure,
  ExchangeFormat,
  ExchangeId,
  ExchangeSink,
} from './exchange-format.ts';
import {
  checkCall,
  HEADERS,
  isParams,
  type JsonRpcCall,
  type JsonRpcExchange,
  type Members,
  notificationMessage,
  PARAMS,
  requestMessage,
  resultOf,
  TIME_LEFT,
  VERSION,
} from './json-rpc-message.ts';
import { JSON_RPC_STREAMS, readStreamMessage, streamOf } from './json-rpc-streams.ts';

const CANCEL = '$/cancelRequest';
const GO_AWAY = '$/goAway';
const INVALID_REQUEST = -32_600;
const PARSE_ERROR = -32_700;
const EXPECTED = 'an object was expected, which a codec must make';
/** Maximum number of messages in a batch. Each message that is not a request has an answer that is longer than the message. */
const MAX_BATCH = 100;

/** Error codes of JSON-RPC, and of the Language Server Protocol. */
const CODES: Readonly<Record<ExchangeFailure, number>> = {
  failed: -32_603,
  'too-late': -32_802,
  overloaded: -32_000,
  unknown: -32_601,
  cancelled: -32_800,
  lost: -32_050,
};

/**
 * Makes the format of JSON-RPC 2.0. A call is `{ method, params }`. An answer is any JSON, and `undefined` becomes `null`. The
 * format reads and writes objects. Put a `JsonCodec` before the handler, and a framing before the `JsonCodec`:
 * `contentLengthPrefixed` as in language servers, `jsonLines`, or WebSocket messages.
 *
 * - A message that is not a request is answered with −32600, also for a number beyond 2^53 as its id and for `params` that are
 *   neither an object nor an array, and JSON that an earlier codec cannot read with −32700.
 * - A batch has at most 100 messages. Its answers are one message, which is sent after the last answer.
 * - The notification `$/cancelRequest` cancels a call, as in the Language Server Protocol. Without an id, it is ignored.
 * - The notification `$/goAway` with `{ lastId }` states that later requests are not taken.
 * - The remaining time of a request is its member `$timeLeftMs`, which other programs ignore.
 * - The `headers` of a request are its member `$headers`, which other programs ignore.
 * - A stream is a request with the member `$stream`, and notifications `$/stream/…` with the id of the call. The guide about
 *   calls lists these messages.
 * - The handler's own errors are −32603 failed, −32802 too late, −32000 overloaded, −32601 unknown, −32800 cancelled,
 *   −32050 lost, of a stream.
 *
 * @see https://www.jsonrpc.org/specification
 */
export function jsonRpcExchange(): ExchangeFormat<JsonRpcExchange> {
  return JSON_RPC;
}

const JSON_RPC: ExchangeFormat<JsonRpcExchange> = {
  codes: CODES,
  read,
  request: (id, call, timeLeftMs) => requestMessage(id, checkCall(call), timeLeftMs),
  notification(call) {
    const { method, params } = checkCall(call);
    return notificationMessage(method, params);
  },
  cancel: (id) => notificationMessage(CANCEL, { id }),
  response: (id, answer) => ({ jsonrpc: VERSION, id, result: resultOf(answer) }),
  error: (id, code, message, data) => errorMessage(id, code, message, data),
  unreadable: () => errorMessage(null, PARSE_ERROR, 'a message is not valid JSON'),
  goAway: (lastId) => notificationMessage(GO_AWAY, { lastId }),
  streams: JSON_RPC_STREAMS,
};

function errorMessage(
  id: ExchangeId | null,
  code: number,
  message: string,
  data?: unknown,
): object {
  return { jsonrpc: VERSION, id, error: { code, message, data } };
}

function read(message: unknown, sink: ExchangeSink<JsonRpcExchange>): void {
  if (Array.isArray(message)) readBatch(message, sink);
  else if (message instanceof Uint8Array) throw unexpectedKind(message, EXPECTED);
  else readOne(message, sink);
  // Either JSON, or a codec is missing.
  if (typeof message === 'string') throw unexpectedKind(message, EXPECTED);
}

/** Reads the messages of a batch. The answers to its requests are one message. */
function readBatch(batch: readonly unknown[], sink: ExchangeSink<JsonRpcExchange>): void {
  if (batch.length === 0 || batch.length > MAX_BATCH) {
    const why = `a batch of ${batch.length} messages, but 1 to ${MAX_BATCH} are allowed`;
    sink.reply(errorMessage(null, INVALID_REQUEST, why), why);
    return;
  }
  const answers = new BatchAnswers((answer) => {
    const { id } = answer as { readonly id: ExchangeId | null };
    return errorMessage(id, CODES.failed, 'the answers of a batch cannot be sent');
  });
  const ofBatch: ExchangeSink<JsonRpcExchange> = {
    ...sink,
    request(id, body, timeLeftMs) {
      answers.expect();
      sink.request(id, body, timeLeftMs, (answer) => answers.add(answer));
    },
    reply: (answer, why) => {
      if (answer !== undefined) answers.addOther(answer);
      return sink.reply(undefined, why);
    },
  };
  for (const message of batch) readOne(message, ofBatch);
  if (!sink.reply(answers.complete())) sink.reply(answers.failAll());
}

function readOne(message: unknown, sink: ExchangeSink<JsonRpcExchange>): void {
  const isObject = typeof message === 'object' && message !== null && !Array.isArray(message);
  const members = (isObject ? message : {}) as Members;
  const { id, method } = members;
  if (isObject && method === undefined && ('result' in members || 'error' in members)) {
    if (members['jsonrpc'] !== VERSION) throw invalidMessage(message, 'jsonrpc is not "2.0"');
    readAnswer(members, sink);
    return;
  }
  const why = faultOf(members, isObject);
  if (why === undefined) readCall(members, method as string, sink);
  else sink.reply(errorMessage(isExactId(id) ? id : null, INVALID_REQUEST, why), why);
}

/** Returns why a message is not a request, if it is not. */
function faultOf({ jsonrpc, method, params, id }: Members, isObject: boolean): string | undefined {
  if (!isObject) return 'a request is not an object';
  if (jsonrpc !== VERSION) return 'jsonrpc is not "2.0"';
  if (typeof method !== 'string') return 'the method is not a string';
  if (!isParams(params)) return PARAMS;
  if (id === undefined || isExactId(id)) return undefined;
  return 'the id of a request is neither a string nor a number up to 2^53';
}

function readCall(members: Members, method: string, sink: ExchangeSink<JsonRpcExchange>): void {
  const { id, params } = members;
  if (id === undefined) {
    if (method === CANCEL) readCancel(params, sink);
    else if (method === GO_AWAY) readGoAway(params, sink);
    else if (!readStreamMessage(members, method, sink.streams))
      sink.notification({ method, params });
    return;
  }
  const stream = streamOf(members);
  const call = callOf(members, method, params);
  if (stream === undefined) sink.request(id as ExchangeId, call, timeLeft(members));
  else
    sink.streams.open(id as ExchangeId, call, timeLeft(members), stream.window, stream.sendsItems);
}

function callOf(members: Members, method: string, params: unknown): JsonRpcCall {
  const headers = members[HEADERS];
  if (headers === undefined) return { method, params };
  const isRight = typeof headers === 'object' && headers !== null && !Array.isArray(headers);
  if (isRight && Object.values(headers).every((text) => typeof text === 'string')) {
    return { method, params, headers: headers as Readonly<Record<string, string>> };
  }
  throw invalidMessage(members, `${HEADERS} is not an object of texts`);
}

/** Ignores a cancel of nothing, as the Language Server Protocol allows: the calls of the connection go on. */
function readCancel(params: unknown, sink: ExchangeSink<JsonRpcExchange>): void {
  const { id } = (params ?? {}) as Members;
  if (isId(id)) sink.cancel(id);
  else sink.reply(undefined, `${CANCEL} without an id`);
}

function readGoAway(params: unknown, sink: ExchangeSink<JsonRpcExchange>): void {
  const { lastId } = (params ?? {}) as Members;
  if (Number.isInteger(lastId) && (lastId as number) >= 0) sink.goAway(lastId as number);
  else sink.reply(undefined, `${GO_AWAY} without a lastId`);
}

function timeLeft(members: Members): number {
  const value = members[TIME_LEFT];
  if (value === undefined) return Number.POSITIVE_INFINITY;
  if (typeof value === 'number' && value > 0) return value;
  throw invalidMessage(members, `${TIME_LEFT} is not a positive number`);
}

function readAnswer(members: Members, sink: ExchangeSink<JsonRpcExchange>): void {
  const { id, error, result } = members;
  const isError = error !== undefined && error !== null;
  if (!isId(id) && !(id === null && isError))
    throw invalidMessage(members, 'an answer without an id');
  if (isError) readError(members, id, error, sink);
  else if (result !== undefined) sink.response(id as ExchangeId, result);
  else throw invalidMessage(members, 'an answer without result and error');
}

function readError(
  members: Members,
  id: ExchangeId | null,
  error: unknown,
  sink: ExchangeSink<JsonRpcExchange>,
): void {
  const { code, message, data } = typeof error === 'object' ? (error as Members) : {};
  if (typeof code !== 'number' || typeof message !== 'string') {
    throw invalidMessage(members, 'an error without code and message');
  }
  sink.refusal(id, code, message, data);
}

/**
 * Returns true for an id that the answer can repeat. JavaScript rounds a larger number, so the answer would belong to another
 * request, or to none.
 */
function isExactId(id: unknown): id is ExchangeId {
  return typeof id === 'number' ? Math.abs(id) <= Number.MAX_SAFE_INTEGER : isId(id);
}

function isId(id: unknown): id is ExchangeId {
  return typeof id === 'number' || typeof id === 'string';
}
