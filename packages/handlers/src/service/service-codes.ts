import { ChannelError, isHeadraceError } from '@headrace/core';
import { refusal } from '../exchange/exchange-error.ts';
import { jsonRpcExchange } from '../exchange/json-rpc-exchange.ts';

/** The codes of JSON-RPC that a service answers with by itself. */
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
/** The same as of a handler with too many requests: nothing was done, and the caller may try later. */
const OVERLOADED: number = jsonRpcExchange().codes.overloaded;

/** Refuses a call that may be tried again: nothing was done. */
export function overloaded(text: string, retryAfterMs: number): Error {
  return refusal(OVERLOADED, text, retryAfterMs > 0 ? { retryAfterMs } : undefined);
}

export function isOverloaded(error: unknown): boolean {
  return isHeadraceError(error, 'REQUEST_REFUSED') && error.details['code'] === OVERLOADED;
}

/**
 * The connection of a call is gone, or its client has given up or is closed, which it stays: another place may answer.
 */
export function isPlaceGone(error: unknown): boolean {
  return error instanceof ChannelError && !isHeadraceError(error, 'OPERATION_ABORTED');
}

/** How long the server that refused a call asks to wait, in milliseconds. */
export function retryAfterMs(error: Error): number {
  const { retryAfterMs } = (error.cause ?? {}) as { readonly retryAfterMs?: unknown };
  const isTime = typeof retryAfterMs === 'number' && retryAfterMs > 0;
  return isTime && isOverloaded(error) ? retryAfterMs : 0;
}
