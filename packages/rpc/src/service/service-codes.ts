import { ChannelError, isHeadraceError } from '@headrace/core';
import { refusal } from '../exchange/exchange-error.ts';
import { jsonRpcExchange } from '../exchange/json-rpc-exchange.ts';

/** Codes of JSON-RPC that a service itself answers with. */
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
/** The code of a handler with too many requests. The call was not executed, and the caller may try later. */
const OVERLOADED: number = jsonRpcExchange().codes!.overloaded;

/** Makes the refusal of a call that was not executed, and may be tried again. */
export function overloaded(text: string, retryAfterMs: number): Error {
  return refusal(OVERLOADED, text, retryAfterMs > 0 ? { retryAfterMs } : undefined);
}

export function isOverloaded(error: unknown): boolean {
  return isHeadraceError(error, 'REQUEST_REFUSED') && error.details['code'] === OVERLOADED;
}

/** Returns true if the connection of a call is lost, or its client has given up or is closed. Another place may answer. */
export function isPlaceGone(error: unknown): boolean {
  return error instanceof ChannelError && !isHeadraceError(error, 'OPERATION_ABORTED');
}

/** A server that asks for more may be back, or be replaced, long before. */
const MAX_RETRY_AFTER_MS = 600_000;

/** Returns the time that the server which refused a call asks to wait, in milliseconds, 10 minutes at most. */
export function retryAfterMs(error: Error): number {
  const { retryAfterMs } = (error.cause ?? {}) as { readonly retryAfterMs?: unknown };
  const isTime = typeof retryAfterMs === 'number' && retryAfterMs > 0;
  return isTime && isOverloaded(error) ? Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) : 0;
}
