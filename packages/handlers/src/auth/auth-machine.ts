/** The rules that decide a sign-in. */
export interface AuthRules {
  /** `Infinity` for no deadline. */
  readonly timeoutMs: number;
  readonly earlyMessages: 'hold-following' | 'hold' | 'refuse';
  readonly earlyWrites: 'hold' | 'refuse' | 'pass';
  /** Maximum number of messages that wait for credentials, and of writes that wait until the peer is authenticated. */
  readonly maxHeld: number;
  readonly duplicatePolicy: 'kick-older' | 'refuse' | 'allow';
  readonly again: 'pass' | 'refuse' | 'move';
  /** The effect of a refusal on the connection, unless the verdict decides otherwise. */
  readonly refusalPolicy: 'close' | 'stay';
}

/**
 * The reason for a refusal: an early message, too many early messages, a refusal or failure of the authenticator, an id that is
 * in use elsewhere, the deadline, or a newer connection.
 */
export type Rejection = 'early' | 'full' | 'no' | 'failure' | 'duplicate' | 'timeout' | 'kicked';

/** An action for a message. */
export type MessageAction =
  | { readonly do: 'check' } // asks the authenticator
  | { readonly do: 'hold' }
  | { readonly do: 'pass' }
  | { readonly do: 'drop' }
  | { readonly do: 'answer-again' } // credentials of a peer that is signed in
  | RejectAction;

/** An action after a decision. Actions are carried out in order. */
export type AuthAction =
  | { readonly do: 'kick-others' }
  | { readonly do: 'accept' }
  | { readonly do: 'hand-on' } // passes on the held messages
  | { readonly do: 'redeliver' } // held messages may be credentials
  | RejectAction;

interface RejectAction {
  readonly do: 'reject';
  readonly why: Rejection;
  /** Whether the connection stays open. */
  readonly stays: boolean;
}

/**
 * The phase of a sign-in: `waiting` for credentials, `checking` them, `done`, or `over`. In the phase `over`, input is dropped.
 */
export type AuthPhase = 'waiting' | 'checking' | 'done' | 'over';

const CHECK: MessageAction = { do: 'check' };
const HOLD: MessageAction = { do: 'hold' };
const PASS: MessageAction = { do: 'pass' };
const DROP: MessageAction = { do: 'drop' };
const ANSWER_AGAIN: MessageAction = { do: 'answer-again' };
const HAND_ON: AuthAction = { do: 'hand-on' };
const LOOK_AGAIN: AuthAction = { do: 'redeliver' };
const ACCEPT: readonly AuthAction[] = [{ do: 'accept' }, HAND_ON];
const KICK_AND_ACCEPT: readonly AuthAction[] = [{ do: 'kick-others' }, ...ACCEPT];

/**
 * The sign-in of one connection, without channel, clock or messages. It is notified of each occurrence, and returns the actions
 * to carry out. In the phase `checking`, the handler holds reads.
 *
 * ```text
 *            credentials              yes
 *  waiting ──────────────▶ checking ────────▶ done ──┐ credentials, where they move the session:
 *     ▲                       │  ▲              ▲    │ checking, then done again
 *     └────── no, it stays ───┘  └──────────────┼────┘
 *                             │ no              │
 *                             ▼                 │ kicked
 *                           over ◀──────────────┘
 * ```
 */
export class AuthMachine {
  readonly rules: AuthRules;
  private now: AuthPhase = 'waiting';
  private isIn = false;

  constructor(rules: AuthRules) {
    this.rules = rules;
  }

  get phase(): AuthPhase {
    return this.now;
  }

  /** Whether the peer is accepted and the session has not ended. */
  get isSignedIn(): boolean {
    return this.isIn && this.now !== 'over';
  }

  /** Whether the handler must find out if the next message is credentials. */
  get looksForCredentials(): boolean {
    return this.now === 'waiting' || (this.now === 'done' && this.rules.again !== 'pass');
  }

  /** Returns the action for a message while `held` messages are held. */
  message(isCredentials: boolean, held: number): MessageAction {
    const { earlyMessages, maxHeld } = this.rules;
    if (this.now === 'over') return DROP;
    if (this.now === 'done') return this.again(isCredentials);
    if (this.now === 'waiting' && isCredentials) return CHECK;
    // Reads are held, so at most one read arrives.
    if (this.now === 'checking' && earlyMessages !== 'refuse') return HOLD;
    if (earlyMessages !== 'hold') return this.reject('early');
    return held < maxHeld ? HOLD : this.reject('full');
  }

  /** Decides on a handler's write while `held` writes are held. */
  write(held: number, isAnswerToError = false): 'pass' | 'hold' | 'refuse' | 'full' {
    const { earlyWrites, maxHeld } = this.rules;
    if (this.isIn || this.now === 'over') return 'pass';
    // If it were held, the write would wait for a sign-in that the error prevents.
    if (isAnswerToError && earlyWrites === 'hold') return 'pass';
    return earlyWrites === 'hold' && held >= maxHeld ? 'full' : earlyWrites;
  }

  began(): void {
    this.now = 'checking';
  }

  /** Called when the authenticator does not decide, but waits for credentials. */
  undecided(): void {
    this.now = this.isIn ? 'done' : 'waiting';
  }

  /** Called when the peer is accepted. Its id has `others` other sessions. */
  yes(others: number): readonly AuthAction[] {
    const { duplicatePolicy } = this.rules;
    if (others > 0 && duplicatePolicy === 'refuse') return this.refuse('duplicate', this.isIn);
    this.now = 'done';
    this.isIn = true;
    return others > 0 && duplicatePolicy === 'kick-older' ? KICK_AND_ACCEPT : ACCEPT;
  }

  no(stays: boolean = this.rules.refusalPolicy === 'stay'): readonly AuthAction[] {
    return this.refuse('no', stays);
  }

  /** Called when the authenticator fails, which always ends the connection. */
  failed(): readonly AuthAction[] {
    return this.refuse('failure', false);
  }

  expired(): readonly AuthAction[] {
    return this.refuse('timeout', false);
  }

  /** Called when a newer connection replaces this connection. */
  kicked(): readonly AuthAction[] {
    return this.refuse('kicked', false);
  }

  over(): void {
    this.now = 'over';
  }

  private again(isCredentials: boolean): MessageAction {
    if (!isCredentials || this.rules.again === 'pass') return PASS;
    return this.rules.again === 'refuse' ? ANSWER_AGAIN : CHECK;
  }

  private refuse(why: Rejection, stays: boolean): readonly AuthAction[] {
    if (!stays) return [this.reject(why)];
    this.undecided();
    return [{ do: 'reject', why, stays }, this.isIn ? HAND_ON : LOOK_AGAIN];
  }

  private reject(why: Rejection): RejectAction {
    this.now = 'over';
    return { do: 'reject', why, stays: false };
  }
}
