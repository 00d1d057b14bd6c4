import { type Clock, isHeadraceError } from '@headrace/core';
import { CountedItems } from './counted-items.ts';
import type { ServiceScope } from './serve.ts';
import { isOverloaded } from './service-codes.ts';

/**
 * How a call ended: `refused` by an error of its service or of the protocol, `overloaded` by a limit, `failed` by an error that was
 * not meant for its caller.
 */
export type CallOutcome =
  | 'ok'
  | 'refused'
  | 'overloaded'
  | 'timed-out'
  | 'cancelled'
  | 'lost'
  | 'failed';

/** The part of a call, of either end, that is watched. */
export interface WatchedCall {
  readonly service: string;
  readonly method: string;
  readonly kind: 'call' | 'stream' | 'notice';
  /** At the server. */
  readonly scope?: ServiceScope<unknown>;
}

/** An interceptor for either end. */
export type CallWatcher = (call: WatchedCall, next: () => Promise<unknown>) => Promise<unknown>;

export function outcomeOf(error: unknown): CallOutcome {
  if (isOverloaded(error) || isHeadraceError(error, 'REJECTED_QUEUE')) return 'overloaded';
  if (isHeadraceError(error, 'REQUEST_REFUSED')) return 'refused';
  if (isHeadraceError(error, 'TIMEOUT_REQUEST')) return 'timed-out';
  if (isHeadraceError(error, 'OPERATION_ABORTED')) return 'cancelled';
  return isHeadraceError(error, 'REQUEST_LOST') ? 'lost' : 'failed';
}

/** The clock of the connection at the server, the given one at the client. */
export function clockOf(call: WatchedCall, clock: Clock): Clock {
  return call.scope?.channel.clock ?? clock;
}

/** Makes the call, and notifies of its end once; a stream ends with its items, or when its reader leaves. */
export async function watchedCall(
  { kind }: WatchedCall,
  next: () => Promise<unknown>,
  ended: (outcome: CallOutcome, error?: unknown) => void,
): Promise<unknown> {
  const failed = (thrown: unknown): void => ended(outcomeOf(thrown), thrown);
  let answer: unknown;
  try {
    answer = await next();
  } catch (thrown) {
    failed(thrown);
    throw thrown;
  }
  if (kind === 'stream') {
    return new CountedItems(answer as AsyncIterable<unknown>, { ended: () => ended('ok'), failed });
  }
  ended('ok');
  return answer;
}
