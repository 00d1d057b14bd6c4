import { ChannelError } from '@headrace/core';
import {
  checkedDelay,
  type RetryBudget,
  type RetryPolicy,
  toError,
} from '@headrace/core/authoring';
import { CLIENT_ERRORS } from '../client-errors.ts';
import type { ClientState } from './client-state.ts';
import { isOptionError, type Loss } from './loss.ts';

/** Decides after a loss whether to try again: yes, no, or yes after the returned time. */
export type ShouldRetry<P> = (loss: Loss<P>) => boolean | { readonly afterMs: number };

/** @internal The rules of one client. */
export interface ReconnectRules<P> {
  readonly retry: RetryPolicy;
  readonly stableMs: number;
  readonly shouldRetry: ShouldRetry<P>;
  readonly budget: RetryBudget | undefined;
  /** Makes a new connection usable. */
  readonly ready: unknown;
  readonly random: () => number;
}

/** @internal An action that is due now; actions are carried out in order. */
export type ReconnectAction<P, C> =
  /** Find the next place, then report `searching` or `found`. */
  | { readonly do: 'find' }
  /** Connect to the place that was found, beside the tries that are under way. */
  | { readonly do: 'connect' }
  /** Call `ready`. */
  | { readonly do: 'ready'; readonly channel: C }
  /** Send what waits, after that writes go to this channel. */
  | { readonly do: 'online'; readonly channel: C }
  /** Call `due` after this time. */
  | { readonly do: 'wait'; readonly delayMs: number }
  /** Forget the timer and the tries that are under way, with their channels. */
  | { readonly do: 'drop' }
  /** Announce the new state. */
  | { readonly do: 'announce'; readonly state: ClientState<P, C> };

type Actions<P, C> = readonly ReconnectAction<P, C>[];

const NOTHING: Actions<never, never> = [];

/**
 * @internal The life of a reconnecting client, without clock, sockets or messages: it is notified of what happened and when,
 * changes its state, and returns what to do. The first connect and a later loss go the same way.
 *
 * ```text
 *  idle ─start─▶ connecting ─▶ readying ─▶ online        closed: from any state, for good
 *                    ▲  │          │          │
 *                 due│  └──────────┴──loss────┤
 *                    └──────── waiting ◀──────┘
 * ```
 */
export class ReconnectMachine<P, C> {
  private readonly rules: ReconnectRules<P>;
  private current: ClientState<P, C> = { name: 'idle' };
  /** The number of the next try, or of the latest one that is under way. */
  private attempt = 0;
  /** The number of the round through the places. */
  private round = 0;
  /** When the present absence began, and the phase, which is drawn at its first wait. */
  private absentAt = 0;
  private phase: number | undefined = undefined;
  private onlineAt = 0;
  /** The budget has given this try its place in the line. */
  private hasReserved = false;
  /** Tries count against the budget: those of the first round do not. */
  private hasWaited = false;

  constructor(rules: ReconnectRules<P>) {
    this.rules = rules;
  }

  get state(): ClientState<P, C> {
    return this.current;
  }

  /** The first try comes at once, and is number 1. */
  start(now: number): Actions<P, C> {
    if (this.current.name !== 'idle') return NOTHING;
    this.beginAbsence(now);
    this.attempt = 1;
    this.round = 1;
    return [{ do: 'find' }];
  }

  /** The places are being asked for. */
  searching(): Actions<P, C> {
    return this.enter({ name: 'connecting', place: undefined, attempt: this.attempt });
  }

  /** This place is next. */
  found(place: P): Actions<P, C> {
    const connecting = this.enter({ name: 'connecting', place, attempt: this.attempt });
    return [...connecting, { do: 'connect' }];
  }

  /** This place is tried beside those that are under way. */
  joined(place: P): Actions<P, C> {
    this.attempt += 1;
    return this.found(place);
  }

  /** The budget allows a further try beside those that are under way; it is taken. */
  mayJoin(now: number): boolean {
    return !this.hasWaited || this.rules.budget?.tryTake(now) !== false;
  }

  connected(place: P, channel: C, now: number): Actions<P, C> {
    const { current, attempt } = this;
    if (current.name !== 'connecting') return NOTHING;
    if (this.rules.ready === undefined) return this.online(place, channel, now);
    const readying = this.enter({ name: 'readying', place, attempt });
    return [...readying, { do: 'ready', channel }];
  }

  /** `ready` has resolved. */
  readied(channel: C, now: number): Actions<P, C> {
    const { current } = this;
    return current.name === 'readying' ? this.online(current.place, channel, now) : NOTHING;
  }

  /** It is online, and has been for so long that the next loss begins again. */
  isStable(now: number): boolean {
    return this.current.name === 'online' && now - this.onlineAt >= this.rules.stableMs;
  }

  /** A try failed; others are under way. */
  failedBeside(loss: Loss<P>, now: number): Actions<P, C> {
    // A listener of the loss may have closed the client.
    if (this.current.name === 'closed') return NOTHING;
    const delayMs = this.delayAfter(loss, now, false);
    return typeof delayMs === 'number' ? NOTHING : this.giveUp(loss, delayMs, this.attempt);
  }

  /**
   * A try failed, and no other is under way; or the connection was lost.
   *
   * @param isRoundOver - false if a place is left that is tried before the next wait
   */
  lost(loss: Loss<P>, now: number, isRoundOver: boolean): Actions<P, C> {
    const { current } = this;
    if (current.name === 'closed' || current.name === 'idle') return NOTHING;
    if (this.isStable(now)) this.beginAbsence(now);
    this.attempt += 1;
    if (isRoundOver) this.round += 1;
    const delayMs = this.delayAfter(loss, now, isRoundOver);
    if (typeof delayMs !== 'number') return this.giveUp(loss, delayMs, this.attempt - 1);
    const isAtOnce = !isRoundOver && delayMs === 0;
    return [{ do: 'drop' }, ...(isAtOnce ? this.again(loss, now) : this.wait(loss, delayMs))];
  }

  /** The wait is over. */
  due(now: number): Actions<P, C> {
    const { current } = this;
    return current.name === 'waiting' ? this.again(current.loss, now) : NOTHING;
  }

  /** There is another way to the network: a wait, and a try on the old way, are over. */
  networkChanged(): Actions<P, C> {
    const { name } = this.current;
    if (name !== 'waiting' && name !== 'connecting') return NOTHING;
    this.returnReserved();
    return [{ do: 'drop' }, { do: 'find' }];
  }

  /** Time has passed that we do not know of: a wait is over. A try goes on, however often this is said. */
  woke(): Actions<P, C> {
    return this.current.name === 'waiting' ? this.networkChanged() : NOTHING;
  }

  /** For good. */
  close(reason: 'local' | 'aborted', error: Error | undefined): Actions<P, C> {
    return this.current.name === 'closed' ? NOTHING : this.end(reason, error);
  }

  private beginAbsence(now: number): void {
    this.absentAt = now;
    this.phase = undefined;
    this.attempt = 0;
    this.round = 0;
  }

  /** The next try, at once or when the budget allows it. */
  private again(loss: Loss<P>, now: number): Actions<P, C> {
    const { budget } = this.rules;
    const isFree = this.hasReserved || !this.hasWaited;
    const delayMs = isFree || budget === undefined ? 0 : budget.reserve(now);
    this.hasReserved = delayMs > 0;
    return delayMs > 0 ? this.wait(loss, delayMs) : [{ do: 'find' }];
  }

  private online(place: P, channel: C, now: number): Actions<P, C> {
    this.onlineAt = now;
    const online = this.enter({ name: 'online', place, channel });
    // Waiting messages are sent before a listener for the state can write.
    return [{ do: 'online', channel }, ...online];
  }

  private wait(loss: Loss<P>, delayMs: number): Actions<P, C> {
    this.hasWaited = true;
    const waiting = this.enter({ name: 'waiting', loss, delayMs });
    return [{ do: 'wait', delayMs }, ...waiting];
  }

  /** How long to wait; otherwise why not to try again. */
  private delayAfter(loss: Loss<P>, now: number, isRoundOver: boolean): number | Error | undefined {
    const { retry, shouldRetry, random } = this.rules;
    if (isOptionError(loss.error)) return loss.error;
    try {
      const verdict = shouldRetry(loss);
      if (verdict === false) return undefined;
      if (typeof verdict !== 'object' && !isRoundOver) return 0;
      this.phase ??= random();
      const facts = { elapsedMs: now - this.absentAt, phase: this.phase, random };
      const delayMs = typeof verdict === 'object' ? verdict.afterMs : retry(this.round, facts);
      return delayMs === undefined
        ? undefined
        : checkedDelay(delayMs, 'the retry policy or shouldRetry');
    } catch (thrown) {
      return toError(thrown);
    }
  }

  private giveUp(loss: Loss<P>, why: Error | undefined, tries: number): Actions<P, C> {
    const cause = why ?? loss.error;
    const text = `given up after ${tries} ${tries === 1 ? 'try' : 'tries'}: ${cause.message}`;
    const details = { tries, kind: loss.kind };
    return this.end(
      'given-up',
      new ChannelError(CLIENT_ERRORS.RECONNECT_GIVEN_UP, text, details, cause),
    );
  }

  private end(reason: 'local' | 'aborted' | 'given-up', error: Error | undefined): Actions<P, C> {
    this.returnReserved();
    const closed = this.enter({ name: 'closed', reason, error });
    return [{ do: 'drop' }, ...closed];
  }

  private returnReserved(): void {
    if (this.hasReserved && this.current.name === 'waiting') this.rules.budget?.giveBack();
    this.hasReserved = false;
  }

  private enter(state: ClientState<P, C>): Actions<P, C> {
    this.current = state;
    return [{ do: 'announce', state }];
  }
}
