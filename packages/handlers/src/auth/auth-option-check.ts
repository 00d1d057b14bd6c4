import { OptionError } from '@headrace/core';
import {
  checkChoice,
  checkFunction,
  checkMethod,
  checkOptions,
  type KnownOptions,
} from '@headrace/core/authoring';
import type { AuthOptions, AuthReplies } from './auth-options.ts';

const OPTIONS: KnownOptions<AuthOptions<unknown, unknown, unknown>> = {
  authenticate: true,
  authenticateChannel: true,
  isCredentials: true,
  timeoutMs: true,
  replies: true,
  refusalPolicy: true,
  earlyMessages: true,
  earlyWrites: true,
  maxHeld: true,
  group: true,
  sessions: true,
  duplicatePolicy: true,
  again: true,
  principalKey: true,
};
const REPLIES: KnownOptions<AuthReplies<unknown, unknown, unknown>> = {
  accepted: true,
  refused: true,
  unauthenticated: true,
  timedOut: true,
  kicked: true,
  duplicate: true,
  again: true,
};

const REFUSAL_POLICIES = ['close', 'stay'] as const;
const EARLY_MESSAGES = ['hold-following', 'hold', 'refuse'] as const;
const EARLY_WRITES = ['hold', 'refuse', 'pass'] as const;
const DUPLICATE_POLICIES = ['kick-older', 'refuse', 'allow'] as const;
const AGAIN = ['pass', 'refuse', 'move'] as const;

/** Refuses unknown options, and those that cannot work together, before a connection exists. */
export function checkAuthOptions<P, M, R>(options: AuthOptions<P, M, R>): void {
  checkOptions<object>('AuthHandler', options, OPTIONS);
  checkFunction('authenticate', options.authenticate, 'decides on credentials');
  if (options.replies !== undefined) checkOptions<object>('replies', options.replies, REPLIES);
  const { refusalPolicy = 'close', earlyMessages = 'hold', earlyWrites = 'hold' } = options;
  checkChoice('refusalPolicy', refusalPolicy, REFUSAL_POLICIES);
  checkChoice('earlyMessages', earlyMessages, EARLY_MESSAGES);
  checkChoice('earlyWrites', earlyWrites, EARLY_WRITES);
  if (options.group !== undefined)
    checkMethod('group', options.group, 'add', 'a group, such as a ChannelGroup');
  checkSessionOptions(options);
}

function checkSessionOptions<P, M, R>(options: AuthOptions<P, M, R>): void {
  const { duplicatePolicy = 'allow', again = 'pass' } = options;
  checkChoice('duplicatePolicy', duplicatePolicy, DUPLICATE_POLICIES);
  checkChoice('again', again, AGAIN);
  if (options.sessions !== undefined)
    checkMethod('sessions', options.sessions, 'othersOf', 'sessions, such as a SessionRegistry');
  if (duplicatePolicy !== 'allow' && options.sessions === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `duplicatePolicy is '${duplicatePolicy}', but without sessions it is not known which ids are connected; ` +
        'share a SessionRegistry between the handlers',
      { option: 'sessions' },
    );
  }
  if (again !== 'pass' && options.isCredentials === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `again is '${again}', but without isCredentials every message counts as credentials`,
      { option: 'isCredentials' },
    );
  }
}
