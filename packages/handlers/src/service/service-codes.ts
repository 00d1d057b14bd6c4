import { isHeadraceError } from '@headrace/core';
import { jsonRpcExchange } from '../exchange/json-rpc-exchange.ts';

/** The codes of JSON-RPC that a service answers with by itself. */
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
/** The same as of a handler with too many requests: nothing was done, and the caller may try later. */
const OVERLOADED: number = jsonRpcExchange().codes.overloaded;

export function isOverloaded(error: unknown): boolean {
  return isHeadraceError(error, 'REQUEST_REFUSED') && error.details['code'] === OVERLOADED;
}

/** How long the server that refused a call asks to wait, in milliseconds. */
export function retryAfterMs(error: Error): number {
  const { retryAfterMs } = (error.cause ?? {}) as { readonly retryAfterMs?: unknown };
  const isTime = typeof retryAfterMs === 'number' && retryAfterMs > 0;
  return isTime && isOverloaded(error) ? retryAfterMs : 0;
}
