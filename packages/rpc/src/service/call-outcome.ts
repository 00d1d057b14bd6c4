import { type Clock, isHeadraceError } from '@headrace/core';
import { isItemSource } from '@headrace/handlers/call';
import { WatchedItems } from '../items/watched-items.ts';
import type { ServiceScope } from './serve.ts';
import { INVALID_PARAMS, isOverloaded, METHOD_NOT_FOUND } from './service-codes.ts';

/**
 * How a call ended:
 *
 * - `ok`: with an answer
 * - `refused`: with an error of its service
 * - `unknown-method`: with −32601, because the method does not exist
 * - `invalid`: with −32602, because the input does not match
 * - `overloaded`: refused by a limit
 * - `failed`: with an error that was not meant for its caller
 * - `cancelled` by its caller, `timed-out`, or `lost` with the connection. At the server, these calls have no answer, because
 *   the function stopped at its signal, or the reader left its stream.
 */
export type CallOutcome =
  | 'ok'
  | 'refused'
  | 'unknown-method'
  | 'invalid'
  | 'overloaded'
  | 'timed-out'
  | 'cancelled'
  | 'lost'
  | 'failed';

/** The watched part of a call, at either end. */
export interface WatchedCall {
  /** Name of the service. */
  readonly service: string;
  /** Name of the method. */
  readonly method: string;
  readonly kind: 'call' | 'stream' | 'notice';
  /** Scope of the call, at the server. */
  readonly scope?: ServiceScope<unknown>;
}

/** An interceptor for either end. */
export type CallWatcher = (call: WatchedCall, next: () => Promise<unknown>) => Promise<unknown>;

export function outcomeOf(error: unknown): CallOutcome {
  if (isOverloaded(error) || isHeadraceError(error, 'REJECTED_QUEUE')) return 'overloaded';
  if (isHeadraceError(error, 'REQUEST_REFUSED')) return refusalOf(error.details['code']);
  if (isHeadraceError(error, 'TIMEOUT_REQUEST')) return 'timed-out';
  if (isHeadraceError(error, 'OPERATION_ABORTED')) return 'cancelled';
  return isHeadraceError(error, 'REQUEST_LOST') ? 'lost' : 'failed';
}

function refusalOf(code: unknown): CallOutcome {
  if (code === METHOD_NOT_FOUND) return 'unknown-method';
  return code === INVALID_PARAMS ? 'invalid' : 'refused';
}

/** Returns the clock of the connection at the server, and the given clock at the client. */
export function clockOf(call: WatchedCall, clock: Clock): Clock {
  return call.scope?.channel.clock ?? clock;
}

/** Makes the call, and calls `ended` once. A stream ends with its items, or when its reader leaves. */
export async function watchedCall(
  { kind, scope }: WatchedCall,
  next: () => Promise<unknown>,
  ended: (outcome: CallOutcome, error?: unknown) => void,
): Promise<unknown> {
  const ok = (): void => ended('ok');
  const left = (): void => ended(departureOf(scope));
  const failed = (thrown: unknown): void => {
    const outcome = outcomeOf(thrown);
    // A function that stops at its signal does not fail: its error is the reason of the signal.
    const isLeft = outcome === 'failed' && scope?.signal.aborted === true;
    ended(isLeft ? departureOf(scope) : outcome, thrown);
  };
  try {
    const answer = await next();
    if (kind === 'stream' && isItemSource(answer)) {
      return new WatchedItems(answer, { ended: ok, left, failed });
    }
    ok();
    return answer;
  } catch (thrown) {
    failed(thrown);
    throw thrown;
  }
}

/** Returns why the call is not waited for anymore. */
function departureOf(scope: WatchedCall['scope']): CallOutcome {
  if (scope?.channel.isOpen === false) return 'lost';
  return scope !== undefined && scope.timeLeftMs <= 0 ? 'timed-out' : 'cancelled';
}
