import { type CloseReason, RejectedError, TimedOutError } from '@headrace/core';
import type { AuthRules, Rejection } from './auth-machine.ts';
import type { AuthOptions } from './auth-options.ts';

/** The data of a refusal: the message, and the text, error or reply of the authenticator. */
export interface RefusalFacts<Message, Reply> {
  readonly message?: Message;
  readonly text?: string;
  readonly cause?: Error;
  readonly reply?: Reply | undefined;
}

/** The close reason of the channel for each rejection. */
export const CLOSE_REASONS: Readonly<Record<Rejection, CloseReason>> = {
  early: 'unauthenticated',
  full: 'unauthenticated',
  no: 'unauthenticated',
  failure: 'unauthenticated',
  duplicate: 'refused',
  timeout: 'timeout',
  kicked: 'replaced',
};

/** Returns the error of a rejection, for the event of the rejection and for held writes. */
export function refusalError(
  why: Rejection,
  { text, cause }: RefusalFacts<unknown, unknown>,
  { timeoutMs, maxHeld }: AuthRules,
): RejectedError | TimedOutError {
  if (why === 'timeout') {
    const round = Math.round(timeoutMs);
    return new TimedOutError('TIMEOUT_AUTH', `not authenticated within ${round} ms`, { timeoutMs });
  }
  const texts: Readonly<Record<Exclude<Rejection, 'timeout'>, string>> = {
    early: 'a message came before the sign-in',
    full: `more than ${maxHeld} messages came before the credentials (maxHeld)`,
    no: text ?? 'refused',
    failure: text ?? 'the authenticator failed',
    duplicate: 'the id is in use on another connection',
    kicked: 'a newer connection took the place of this one',
  };
  return new RejectedError('REJECTED_AUTH', texts[why], {}, cause);
}

/** Returns the error of a handler's write before the sign-in. */
export function writeError(why: 'refuse' | 'full', { maxHeld }: AuthRules): RejectedError {
  const text =
    why === 'full'
      ? `${maxHeld} writes wait for the sign-in already (maxHeld); this one was refused`
      : 'the peer has not authenticated; earlyWrites refuses to write to it';
  return new RejectedError('REJECTED_AUTH', text);
}

/** Returns the message that reports a refusal to the peer, or `undefined` for none. */
export function refusalReply<Message, Principal, Reply>(
  why: Rejection,
  { message, reply }: RefusalFacts<Message, Reply>,
  replies: AuthOptions<Message, Principal, Reply>['replies'],
): Reply | undefined {
  if (why === 'timeout') return replies?.timedOut?.();
  if (why === 'early' || why === 'full') return replies?.unauthenticated?.(message!);
  return reply;
}
