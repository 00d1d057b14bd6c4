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
  /** A signal that aborts when the answer is not needed any more: at the close of the connection, or at the deadline. */
  readonly signal: AbortSignal;
}

/**
 * An authenticator's answer: the principal, or the reason for a refusal. A `reply` is sent instead of the reply of
 * {@link AuthReplies}.
 */
export type AuthVerdict<Principal, Reply> =
  | {
      // With `undefined` the compiler infers neither from the other member of the union.
      readonly principal: Principal | undefined;
      readonly reply?: Reply | undefined;
    }
  | {
      /** The reason for the refusal, for the `AuthFailedEvent` and for the log, at level `debug`. */
      readonly refused: string;
      /** A reply to the peer. Without it, the reply of {@link AuthReplies} is sent. */
      readonly reply?: Reply | undefined;
      /** Whether the connection stays open, so that the peer can try again. @default by `refusalPolicy` */
      readonly stays?: boolean;
    };

/** The principal of an answer that lets the peer in: without a refusal, and not `undefined`. */
export function acceptedBy<Principal>(
  verdict: AuthVerdict<Principal, unknown>,
): Principal | undefined {
  const { principal, refused }: { principal?: Principal | undefined; refused?: string } = verdict;
  return refused === undefined ? principal : undefined;
}

/** Functions that make the answers to the peer, each optional. If a function returns `undefined`, no answer is sent. */
export interface AuthReplies<Message, Principal, Reply> {
  /** Called when `authenticate` or `authenticateChannel` has accepted the peer. */
  readonly accepted?: (principal: Principal) => Reply | undefined;
  /** Called when the authenticator has refused the peer or failed. */
  readonly refused?: (why: string) => Reply | undefined;
  /** Called when a message arrives before the sign-in. */
  readonly unauthenticated?: (message: Message) => Reply | undefined;
  /** Called when the deadline is reached. */
  readonly timedOut?: () => Reply | undefined;
  /** Returns the last message to the older connection, with `duplicatePolicy: 'kick-older'`. */
  readonly kicked?: (principal: Principal) => Reply | undefined;
  /** Returns the reply to the newer connection, with `duplicatePolicy: 'refuse'`. */
  readonly duplicate?: (principal: Principal) => Reply | undefined;
  /** Returns the reply to credentials of a peer that is signed in, with `again: 'refuse'`. */
  readonly again?: (message: Message) => Reply | undefined;
}

/** Options of an AuthHandler. */
export interface AuthOptions<Message, Principal, Reply> {
  /**
   * Decides on credentials, at once or later. A throw, a rejection, and an answer with the principal `undefined` are logged and
   * count as refusals.
   */
  readonly authenticate: (
    message: Message,
    attempt: AuthAttempt,
  ) => AuthVerdict<Principal, Reply> | PromiseLike<AuthVerdict<Principal, Reply>>;
  /**
   * Accepts a connection before the peer sends data, for example by a TLS client certificate. With the result `undefined`, the
   * handler waits for credentials.
   * @default every connection must send credentials
   */
  readonly authenticateChannel?: (
    attempt: AuthAttempt,
  ) => AuthVerdict<Principal, Reply> | PromiseLike<AuthVerdict<Principal, Reply>> | undefined;
  /** Returns true if a message is credentials. @default every message before the sign-in is credentials */
  readonly isCredentials?: (message: Message) => boolean;
  /**
   * Maximum time from the start of the connection to the sign-in, in milliseconds. `false` means no deadline.
   * @default 10000
   */
  readonly timeoutMs?: number | false;
  /** Answers to the peer. @default none */
  readonly replies?: AuthReplies<Message, Principal, Reply>;
  /** The effect of a refusal on the connection, unless the verdict has `stays`. @default 'close' */
  readonly refusalPolicy?: 'close' | 'stay';
  /**
   * Which messages are held before the peer is authenticated: those that arrive while credentials are checked (`hold-following`),
   * all messages (`hold`), or no messages (`refuse`). A message that is not held ends the connection.
   * @default 'hold-following'
   */
  readonly earlyMessages?: 'hold-following' | 'hold' | 'refuse';
  /**
   * The treatment of later handlers' writes before the sign-in: hold them until the sign-in, let them fail, or pass them on.
   * @default 'hold'
   */
  readonly earlyWrites?: 'hold' | 'refuse' | 'pass';
  /** Maximum number of messages that are held in each direction. Further messages are refused. @default 32 */
  readonly maxHeld?: number;
  /** The group that the channel joins when the peer is authenticated. A channel that closes leaves the group. @default none */
  readonly group?: Group;
  /** The sessions by id, for example a SessionRegistry, shared by the handlers of one server. @default none */
  readonly sessions?: Sessions<Principal>;
  /** The reaction to an id that is in use elsewhere. `kick-older` and `refuse` need `sessions`. @default 'allow' */
  readonly duplicatePolicy?: 'kick-older' | 'refuse' | 'allow';
  /**
   * The reaction to credentials of a peer that is signed in. `pass` passes them on as a message, `refuse` answers with
   * `replies.again`, and `move` checks them as a new sign-in. If a new sign-in is accepted, the channel moves to the new
   * principal. `refuse` and `move` need `isCredentials`.
   * @default 'pass'
   */
  readonly again?: 'pass' | 'refuse' | 'move';
  /** An attribute of your own type for the principal. `PRINCIPAL` is set in any case. @default none */
  readonly principalKey?: AttributeKey<Principal>;
}

const REPLY = fn({ answers: 'sync', purpose: 'makes an answer to the peer' });

const REPLIES = describePart('replies', {
  accepted: REPLY,
  refused: REPLY,
  unauthenticated: REPLY,
  timedOut: fn({ answers: 'sync', takes: 0, purpose: 'makes an answer to the peer' }),
  kicked: REPLY,
  duplicate: REPLY,
  again: REPLY,
});

/** The options that are numbers and texts. Handlers with the same values share one object. */
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
  isCredentials: fn({ answers: 'sync', purpose: 'recognizes credentials' }),
  replies: nested(REPLIES),
});

const OPTIONS = describeOptions(
  'AuthHandler',
  {
    authenticate: fn({ answers: 'async', required: true, purpose: 'decides on credentials' }),
    authenticateChannel: fn({ answers: 'async', purpose: 'decides on a connection' }),
    group: having('add', 'a group, such as a ChannelGroup'),
    sessions: having('othersOf', 'sessions, such as a SessionRegistry'),
    principalKey: object('an AttributeKey'),
  },
  FUNCTIONS,
  RULES,
);

/** The functions that answer at once, guarded. */
export type AuthFunctions<M, P, R> = Pick<AuthOptions<M, P, R>, keyof typeof FUNCTIONS.kinds>;

export function authFunctions<M, P, R>(options: AuthOptions<M, P, R>): AuthFunctions<M, P, R> {
  return FUNCTIONS.part(options) as object as AuthFunctions<M, P, R>;
}

/** Adds the defaults. Refuses wrong options, and options that conflict, before a connection exists. */
export function resolveAuthOptions<M, P, R>(options: AuthOptions<M, P, R>): AuthRules {
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
