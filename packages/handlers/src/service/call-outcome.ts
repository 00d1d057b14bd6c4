import { type Clock, isHeadraceError } from '@headrace/core';
import { isItemSource, WatchedItems } from '../call/item-source.ts';
import type { ServiceScope } from './serve.ts';
import { INVALID_PARAMS, isOverloaded, METHOD_NOT_FOUND } from './service-codes.ts';

/**
 * How a call ended: `refused` by an error of its service, `unknown-method` and `invalid` by those of the protocol (−32601: there is no
 * such method; −32602: the input does not fit), `overloaded` by a limit, `failed` by an error that was not meant for its caller. Without an answer at the server, because its function obeyed the signal, it is `cancelled` by its caller,
 * `timed-out`, or `lost` with the connection; a stream whose reader leaves is one of these, too.
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

/** The part of a call, of either end, that is watched. */
export interface WatchedCall {
  /** The name of the service. */
  readonly service: string;
  /** The name of the method. */
  readonly method: string;
  readonly kind: 'call' | 'stream' | 'notice';
  /** At the server. */
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

/** The clock of the connection at the server, the given one at the client. */
export function clockOf(call: WatchedCall, clock: Clock): Clock {
  return call.scope?.channel.clock ?? clock;
}

/** Makes the call, and notifies of its end once; a stream ends with its items, or when its reader leaves. */
export async function watchedCall(
  { kind, scope }: WatchedCall,
  next: () => Promise<unknown>,
  ended: (outcome: CallOutcome, error?: unknown) => void,
): Promise<unknown> {
  const ok = (): void => ended('ok');
  const left = (): void => ended(departureOf(scope));
  const failed = (thrown: unknown): void => {
    const outcome = outcomeOf(thrown);
    // The reason of the signal is not a failure of the function that obeys it.
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

/** Why nobody waits for a call any more. */
function departureOf(scope: WatchedCall['scope']): CallOutcome {
  if (scope?.channel.isOpen === false) return 'lost';
  return scope !== undefined && scope.timeLeftMs <= 0 ? 'timed-out' : 'cancelled';
}
