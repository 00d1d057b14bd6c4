import { EncodeError } from '@headrace/core';
import type { ExchangeTypes } from './exchange-format.ts';

/** A value that JSON can express. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** A request or notification of JSON-RPC. */
export interface JsonRpcCall {
  /** Name of the method. */
  readonly method: string;
  /** An object or an array. @default none */
  readonly params?: unknown;
  /**
   * Texts beside the call, for example its trace. The member `$headers` carries the texts, and other programs ignore it.
   * @default none
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** The types of {@link jsonRpcExchange}. */
export interface JsonRpcExchange extends ExchangeTypes {
  reads: unknown;
  writes: object;
  call: JsonRpcCall;
  request: JsonRpcCall;
  answer: unknown;
  result: unknown;
}

const LOST_IN_JSON = [Map, Set, WeakMap, WeakSet, Error, RegExp, ArrayBuffer, Promise] as const;

export type Members = Readonly<Record<string, unknown>>;

export const VERSION = '2.0';
export const TIME_LEFT = '$timeLeftMs';
export const HEADERS = '$headers';
/** Makes a notification, which starts with the version like every message of JSON-RPC. */
export function notificationMessage(method: string, params: unknown): object {
  return { jsonrpc: VERSION, method, params };
}

export function requestMessage(
  id: number,
  { method, params, headers }: JsonRpcCall,
  timeLeftMs: number,
): Record<string, unknown> {
  const message: Record<string, unknown> = { jsonrpc: VERSION, id, method, params };
  if (timeLeftMs !== Number.POSITIVE_INFINITY) message[TIME_LEFT] = timeLeftMs;
  if (headers !== undefined) message[HEADERS] = headers;
  return message;
}
/** Returns the JSON value of an answer. Throws for a value that JSON drops or turns into `{}`. */
export function resultOf(answer: unknown): unknown {
  if (answer === undefined) return null;
  if (!isLostInJson(answer)) return answer;
  const kind = Object.prototype.toString.call(answer).slice('[object '.length, -1);
  const text = `an answer is a ${kind}, which cannot be encoded as JSON: return plain objects, arrays, texts or numbers`;
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', text, { kind });
}

function isLostInJson(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null) {
    return typeof answer === 'function' || typeof answer === 'symbol';
  }
  return !('toJSON' in answer) && LOST_IN_JSON.some((type) => answer instanceof type);
}

export function checkCall(call: JsonRpcCall): JsonRpcCall {
  if (typeof call !== 'object' || call === null || typeof call.method !== 'string') {
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'a call of JSON-RPC needs a method, a string');
  }
  if (isParams(call.params)) return call;
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', `a call of JSON-RPC: ${PARAMS}`);
}

export const PARAMS = 'params is neither an object nor an array';

/** Returns true for parameters of a call (JSON-RPC 2.0, 4.2). Many clients write `null` where they have none. */
export function isParams(params: unknown): boolean {
  return params === undefined || typeof params === 'object';
}
