/** The rules that decide a sign-in. */
export interface AuthRules {
  /** `Infinity` for no deadline. */
  readonly timeoutMs: number;
  readonly earlyMessages: 'hold-following' | 'hold' | 'refuse';
  readonly earlyWrites: 'hold' | 'refuse' | 'pass';
  /** Messages that may wait for credentials, and writes that may wait until the peer is authenticated. */
  readonly maxHeld: number;
  readonly duplicatePolicy: 'kick-older' | 'refuse' | 'allow';
  readonly again: 'pass' | 'refuse' | 'move';
  /** The effect of a refusal on the connection, unless the verdict decides otherwise. */
  readonly refusalPolicy: 'close' | 'stay';
}

/**
 * Why a peer is not let in: a message before its credentials, more of them than may wait, the authenticator's no
 * or its failure, an id in use elsewhere, the deadline, a newer connection in its place.
 */
export type Rejection = 'early' | 'full' | 'no' | 'failure' | 'duplicate' | 'timeout' | 'kicked';

/** The action for a message. */
export type MessageAction =
  | { readonly do: 'check' } // ask the authenticator
  | { readonly do: 'hold' }
  | { readonly do: 'pass' }
  | { readonly do: 'drop' }
  | { readonly do: 'answer-again' } // credentials of a peer that is signed in
  | RejectAction;

/** An action after a decision; actions are carried out in order. */
export type AuthAction =
  | { readonly do: 'kick-others' }
  | { readonly do: 'accept' }
  | { readonly do: 'hand-on' } // what was held goes on
  | { readonly do: 'look-again' } // what was held may be credentials
  | RejectAction;

interface RejectAction {
  readonly do: 'reject';
  readonly why: Rejection;
  /** The connection stays open. */
  readonly stays: boolean;
}

/** `waiting` for credentials, `checking` them, `done`, or `over`: nothing is acted on any more. */
export type AuthPhase = 'waiting' | 'checking' | 'done' | 'over';

const CHECK: MessageAction = { do: 'check' };
const HOLD: MessageAction = { do: 'hold' };
const PASS: MessageAction = { do: 'pass' };
const DROP: MessageAction = { do: 'drop' };
const ANSWER_AGAIN: MessageAction = { do: 'answer-again' };
const HAND_ON: AuthAction = { do: 'hand-on' };
const LOOK_AGAIN: AuthAction = { do: 'look-again' };
const ACCEPT: readonly AuthAction[] = [{ do: 'accept' }, HAND_ON];
const KICK_AND_ACCEPT: readonly AuthAction[] = [{ do: 'kick-others' }, ...ACCEPT];

/**
 * The sign-in of one connection, without channel, clock or messages: it is notified of what happened, and returns
 * what is to be done. While it is `checking`, the handler holds reads.
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

  /** There was a yes, and nothing has ended it. */
  get isSignedIn(): boolean {
    return this.isIn && this.now !== 'over';
  }

  /** True if it matters whether the next message is credentials. */
  get looksForCredentials(): boolean {
    return this.now === 'waiting' || (this.now === 'done' && this.rules.again !== 'pass');
  }

  /** A message came while `held` others are held. */
  message(isCredentials: boolean, held: number): MessageAction {
    const { earlyMessages, maxHeld } = this.rules;
    if (this.now === 'over') return DROP;
    if (this.now === 'done') return this.again(isCredentials);
    if (this.now === 'waiting' && isCredentials) return CHECK;
    // Reads are held, so no more than one read comes.
    if (this.now === 'checking' && earlyMessages !== 'refuse') return HOLD;
    if (earlyMessages !== 'hold') return this.reject('early');
    return held < maxHeld ? HOLD : this.reject('full');
  }

  /** A handler writes while `held` writes are held. */
  write(held: number, isAnswerToError = false): 'pass' | 'hold' | 'refuse' | 'full' {
    const { earlyWrites, maxHeld } = this.rules;
    if (this.isIn || this.now === 'over') return 'pass';
    // Held, it would wait for a sign-in that the error prevents.
    if (isAnswerToError && earlyWrites === 'hold') return 'pass';
    return earlyWrites === 'hold' && held >= maxHeld ? 'full' : earlyWrites;
  }

  /** The authenticator is asked. */
  began(): void {
    this.now = 'checking';
  }

  /** It has no answer, and waits for credentials. */
  undecided(): void {
    this.now = this.isIn ? 'done' : 'waiting';
  }

  /** Yes; the id has `others` other sessions. */
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

  /** The authenticator failed: a no that always ends the connection. */
  failed(): readonly AuthAction[] {
    return this.refuse('failure', false);
  }

  expired(): readonly AuthAction[] {
    return this.refuse('timeout', false);
  }

  /** A newer connection takes the place of this one. */
  kicked(): readonly AuthAction[] {
    return this.refuse('kicked', false);
  }

  /** The connection or the handler has gone. */
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
