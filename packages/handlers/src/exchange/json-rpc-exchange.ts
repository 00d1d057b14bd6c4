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
  type JsonRpcCall,
  type JsonRpcExchange,
  type Members,
  notificationMessage,
  requestMessage,
  resultOf,
  TIME_LEFT,
  VERSION,
} from './json-rpc-message.ts';
import { JSON_RPC_STREAMS, readStreamMessage, streamOf } from './json-rpc-streams.ts';

const CANCEL = '$/cancelRequest';
const INVALID_REQUEST = -32_600;

/** Error codes of JSON-RPC, and of the Language Server Protocol. */
const CODES: Readonly<Record<ExchangeFailure, number>> = {
  failed: -32_603,
  'too-late': -32_802,
  overloaded: -32_000,
  unknown: -32_601,
  cancelled: -32_800,
};

/**
 * Makes the format of JSON-RPC 2.0. A call is `{ method, params }`. An answer is any JSON, and `undefined` becomes `null`. The
 * format reads and writes objects. Put a `JsonCodec` before the handler, and a framing before the `JsonCodec`:
 * `contentLengthPrefixed` as in language servers, `jsonLines`, or WebSocket messages.
 *
 * - A batch is refused with −32600.
 * - The notification `$/cancelRequest` cancels a call, as in the Language Server Protocol.
 * - The remaining time of a request is its member `$timeLeftMs`, which other programs ignore.
 * - The `headers` of a request are its member `$headers`, which other programs ignore.
 * - A stream is a request with the member `$stream`, and notifications `$/stream/…` with the id of the call. The guide about
 *   calls lists these messages.
 * - The handler's own errors are −32603 failed, −32802 too late, −32000 overloaded, −32601 unknown, −32800 cancelled.
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
  if (Array.isArray(message)) {
    sink.reply(errorMessage(null, INVALID_REQUEST, 'batches are not supported'));
    return;
  }
  if (typeof message !== 'object' || message === null || message instanceof Uint8Array) {
    throw unexpectedKind(message, 'an object was expected, which a codec must make');
  }
  const members = message as Members;
  if (members['jsonrpc'] !== VERSION) throw invalidMessage(message, 'jsonrpc is not "2.0"');
  const method = members['method'];
  if (method === undefined) readAnswer(members, sink);
  else if (typeof method !== 'string') throw invalidMessage(message, 'the method is not a string');
  else readCall(members, method, sink);
}

function readCall(members: Members, method: string, sink: ExchangeSink<JsonRpcExchange>): void {
  const { id, params } = members;
  if (id === undefined) {
    if (method === CANCEL) sink.cancel(cancelledId(members, params));
    else if (!readStreamMessage(members, method, sink.streams))
      sink.notification({ method, params });
    return;
  }
  if (!isId(id))
    throw invalidMessage(members, 'the id of a request is neither a number nor a string');
  const stream = streamOf(members);
  const call = callOf(members, method, params);
  if (stream === undefined) sink.request(id, call, timeLeft(members));
  else sink.streams.open(id, call, timeLeft(members), stream.window, stream.sendsItems);
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

function cancelledId(members: Members, params: unknown): ExchangeId {
  const id = typeof params === 'object' && params !== null ? (params as Members)['id'] : undefined;
  if (isId(id)) return id;
  throw invalidMessage(members, `${CANCEL} without an id`);
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

function isId(id: unknown): id is ExchangeId {
  return typeof id === 'number' || typeof id === 'string';
}
