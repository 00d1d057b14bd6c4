import { type AttributeKey, type Channel, type Group, OptionError } from '@headrace/core';
import {
  choice,
  describeOptions,
  describePart,
  fn,
  having,
  nested,
  object,
  time,
  whole,
} from '@headrace/core/authoring';
import type { AuthRules } from './auth-machine.ts';
import type { Sessions } from './sessions.ts';

/** The second argument of an authenticator, after the message. */
export interface AuthAttempt {
  readonly channel: Channel;
  /** Aborts when the connection closes or the deadline is over: the answer is not needed any more. */
  readonly signal: AbortSignal;
}

/** An authenticator's answer: the principal, or the reason of a refusal. `reply` goes before the reply of {@link AuthReplies}. */
export type AuthVerdict<Principal, Reply> =
  | { readonly principal: Principal; readonly reply?: Reply }
  | {
      /** The reason of the refusal, for logs. */
      readonly refused: string;
      /** A reply to the peer. Without it, that of {@link AuthReplies}. */
      readonly reply?: Reply;
      /** True if the connection stays, so that the peer may try again. @default by `refusalPolicy` */
      readonly stays?: boolean;
    };

/** Answers to the peer, each optional; a function that returns `undefined` sends nothing. */
export interface AuthReplies<Principal, Message, Reply> {
  /** The authenticator accepted the peer. */
  readonly accepted?: (principal: Principal) => Reply | undefined;
  /** It refused the peer, or failed. */
  readonly refused?: (why: string) => Reply | undefined;
  /** A message came before the sign-in. */
  readonly unauthenticated?: (message: Message) => Reply | undefined;
  /** The reply when the deadline is over. */
  readonly timedOut?: () => Reply | undefined;
  /** With `duplicatePolicy: 'kick-older'`: the last message to the older connection. */
  readonly kicked?: (principal: Principal) => Reply | undefined;
  /** With `duplicatePolicy: 'refuse'`: the reply to the newer connection. */
  readonly duplicate?: (principal: Principal) => Reply | undefined;
  /** With `again: 'refuse'`: the reply to credentials of a peer that is signed in. */
  readonly again?: (message: Message) => Reply | undefined;
}

/** Options of an AuthHandler. */
export interface AuthOptions<Principal, Message, Reply> {
  /**
   * Decides on credentials, at once or later. A throw or rejection is logged and counts as a refusal. With TypeScript 5.4,
   * declare the return type, `Promise<AuthVerdict<User, string>>`: it infers `User | undefined` from a refusal.
   */
  readonly authenticate: (
    message: Message,
    attempt: AuthAttempt,
  ) => AuthVerdict<Principal, Reply> | PromiseLike<AuthVerdict<Principal, Reply>>;
  /**
   * Accepts a connection before it sends anything, by a TLS client certificate for example; `undefined` waits for credentials.
   * @default every connection must send credentials
   */
  readonly authenticateChannel?: (
    attempt: AuthAttempt,
  ) => AuthVerdict<Principal, Reply> | PromiseLike<AuthVerdict<Principal, Reply>> | undefined;
  /** Recognizes credentials among other messages. @default every message before the sign-in is credentials */
  readonly isCredentials?: (message: Message) => boolean;
  /**
   * The time from the start of the connection until the peer must be authenticated, in milliseconds; `false` for no deadline.
   * @default 10000
   */
  readonly timeoutMs?: number | false;
  /** Answers to the peer. @default none */
  readonly replies?: AuthReplies<Principal, Message, Reply>;
  /** The effect of a refusal on the connection, unless the verdict has `stays`. @default 'close' */
  readonly refusalPolicy?: 'close' | 'stay';
  /**
   * Messages before the peer is authenticated: those after credentials that are still being checked are held
   * (`hold-following`), or all are (`hold`), or none (`refuse`). A message that is not held ends the connection.
   * @default 'hold-following'
   */
  readonly earlyMessages?: 'hold-following' | 'hold' | 'refuse';
  /** Writes of the handlers after it, before the peer is authenticated: sent once it is, failed, or passed on. @default 'hold' */
  readonly earlyWrites?: 'hold' | 'refuse' | 'pass';
  /** How many messages are held in each direction; one more is refused. @default 32 */
  readonly maxHeld?: number;
  /** The group that the channel joins when the peer is authenticated; a channel that closes leaves by itself. @default none */
  readonly group?: Group;
  /** The sessions by id; shared by the handlers of one server: a SessionRegistry. @default none */
  readonly sessions?: Sessions<Principal>;
  /** The reaction to an id that is in use elsewhere; anything but `allow` needs `sessions`. @default 'allow' */
  readonly duplicatePolicy?: 'kick-older' | 'refuse' | 'allow';
  /**
   * Credentials of a peer that is signed in: ordinary messages (`pass`), answered with `replies.again` (`refuse`), or a new
   * sign-in that, if accepted, moves the channel to the new principal (`move`). The latter two need `isCredentials`.
   * @default 'pass'
   */
  readonly again?: 'pass' | 'refuse' | 'move';
  /** An attribute of your own type for the principal; `PRINCIPAL` is set in any case. @default none */
  readonly principalKey?: AttributeKey<Principal>;
}

const REPLY = fn({ answers: 'at once', purpose: 'makes an answer to the peer' });

const REPLIES = describePart('replies', {
  accepted: REPLY,
  refused: REPLY,
  unauthenticated: REPLY,
  timedOut: fn({ answers: 'at once', takes: 0, purpose: 'makes an answer to the peer' }),
  kicked: REPLY,
  duplicate: REPLY,
  again: REPLY,
});

/** The options that are numbers and texts: handlers with the same values share one object. */
const RULES = describeOptions('AuthHandler', {
  timeoutMs: time({ default: 10_000 }),
  refusalPolicy: choice(['close', 'stay'], { default: 'close' }),
  earlyMessages: choice(['hold-following', 'hold', 'refuse'], { default: 'hold-following' }),
  earlyWrites: choice(['hold', 'refuse', 'pass'], { default: 'hold' }),
  maxHeld: whole({ default: 32 }),
  duplicatePolicy: choice(['kick-older', 'refuse', 'allow'], { default: 'allow' }),
  again: choice(['pass', 'refuse', 'move'], { default: 'pass' }),
});

const FUNCTIONS = describeOptions('AuthHandler', {
  isCredentials: fn({ answers: 'at once', purpose: 'recognizes credentials' }),
  replies: nested(REPLIES),
});

const OPTIONS = describeOptions(
  'AuthHandler',
  {
    authenticate: fn({ answers: 'a promise', required: true, purpose: 'decides on credentials' }),
    authenticateChannel: fn({ answers: 'a promise', purpose: 'decides on a connection' }),
    group: having('add', 'a group, such as a ChannelGroup'),
    sessions: having('othersOf', 'sessions, such as a SessionRegistry'),
    principalKey: object('an AttributeKey'),
  },
  FUNCTIONS,
  RULES,
);

/** The functions that answer at once, guarded. */
export type AuthFunctions<P, M, R> = Pick<AuthOptions<P, M, R>, keyof typeof FUNCTIONS.kinds>;

export function authFunctions<P, M, R>(options: AuthOptions<P, M, R>): AuthFunctions<P, M, R> {
  return FUNCTIONS.part(options) as object as AuthFunctions<P, M, R>;
}

/** Adds the defaults. Refuses wrong options, and those that cannot work together, before a connection exists. */
export function resolveAuthOptions<P, M, R>(options: AuthOptions<P, M, R>): AuthRules {
  const { sessions } = OPTIONS.resolve(
    options as unknown as AuthOptions<unknown, unknown, unknown>,
  );
  const { isCredentials } = authFunctions(options);
  const rules = RULES.part(options);
  const { duplicatePolicy, again } = rules;
  if (duplicatePolicy !== 'allow' && sessions === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `duplicatePolicy is '${duplicatePolicy}', but without sessions it is not known which ids are connected; ` +
        'share a SessionRegistry between the handlers',
      { option: 'sessions' },
    );
  }
  if (again !== 'pass' && isCredentials === undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `again is '${again}', but without isCredentials every message counts as credentials`,
      { option: 'isCredentials' },
    );
  }
  return rules;
}
