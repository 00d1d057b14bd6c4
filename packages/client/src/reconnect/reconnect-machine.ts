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

/** Decides whether to retry after a loss: yes, no, or yes after the returned time. */
export type ShouldRetry<P> = (loss: Loss<P>) => boolean | { readonly afterMs: number };

/** @internal The rules of one client. */
export interface ReconnectRules<P> {
  readonly retry: RetryPolicy;
  readonly stableMs: number;
  readonly shouldRetry: ShouldRetry<P>;
  readonly budget: RetryBudget | undefined;
  /** The option that prepares a new connection. */
  readonly ready: unknown;
  readonly random: () => number;
}

/** @internal An action that is due now. Actions are executed in order. */
export type ReconnectAction<P, C> =
  /** Find the next place, then report `searching` or `found`. */
  | { readonly do: 'find' }
  /** Connect to the found place. Other tries continue. */
  | { readonly do: 'connect' }
  /** Call `ready`. */
  | { readonly do: 'ready'; readonly channel: C }
  /** Send the waiting writes, and pass later writes to this channel. */
  | { readonly do: 'online'; readonly channel: C }
  /** Call `due` after this time. */
  | { readonly do: 'wait'; readonly delayMs: number }
  /** Drop the timer, and the tries under way with their channels. */
  | { readonly do: 'drop' }
  /** Announce the new state. */
  | { readonly do: 'announce'; readonly state: ClientState<P, C> };

type Actions<P, C> = readonly ReconnectAction<P, C>[];

const NOTHING: Actions<never, never> = [];

/** Number of planned ends of short connections in a row after which a client waits as after other losses. */
const MAX_MOVES = 8;
/** Time to wait instead of giving up while a server still works on a connection that the client has left. */
const LEFT_MS = 1000;
/** Time after which a connection is not short. */
const SHORT_MS = 1000;
/** Time in which a connect fails if no server is there. An overloaded server, or a network that drops packets, takes longer. */
const REFUSED_MS = 1000;

/**
 * @internal The state machine of a reconnecting client, without clock, sockets or messages. Each call reports an event and its
 * time, changes the state, and returns the actions. The first connect and later reconnects use the same path.
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
  /** Number of the next try, or of the latest try under way. */
  private attempt = 0;
  private round = 0;
  /** Time at which the current absence began. The phase is drawn at the first wait of the absence. */
  private absentAt = 0;
  private phase: number | undefined = undefined;
  private onlineAt = 0;
  /** Time at which the current round of tries began. */
  private triedAt = 0;
  /** Number of planned ends since the last connection that was not short. */
  private moves = 0;
  /** Number of connections that the client has left, and that have not ended. */
  private left = 0;
  /** Whether the budget has reserved a slot for this try. */
  private hasReserved = false;
  /** Whether tries count against the budget. Tries of the first round do not count. */
  private hasWaited = false;

  constructor(rules: ReconnectRules<P>) {
    this.rules = rules;
  }

  get state(): ClientState<P, C> {
    return this.current;
  }

  /** Starts the first try at once, with the number 1. */
  start(now: number): Actions<P, C> {
    if (this.current.name !== 'idle') return NOTHING;
    this.beginAbsence(now);
    this.attempt = 1;
    this.round = 1;
    this.triedAt = now;
    return [{ do: 'find' }];
  }

  /** Called when the function `addresses` was asked. */
  searching(): Actions<P, C> {
    return this.enter({ name: 'connecting', place: undefined, attempt: this.attempt });
  }

  found(place: P): Actions<P, C> {
    const connecting = this.enter({ name: 'connecting', place, attempt: this.attempt });
    return [...connecting, { do: 'connect' }];
  }

  /** Called when a place joins the tries under way. */
  joined(place: P): Actions<P, C> {
    this.attempt += 1;
    return this.found(place);
  }

  /** Returns true if the budget allows another try beside the tries under way. If so, the try counts against the budget. */
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

  /** Called when `ready` has resolved. */
  readied(channel: C, now: number): Actions<P, C> {
    const { current } = this;
    return current.name === 'readying' ? this.online(current.place, channel, now) : NOTHING;
  }

  /** Returns true if the connection is stable: the next loss then begins with the first try. */
  isStable(now: number): boolean {
    return this.current.name === 'online' && now - this.onlineAt >= this.rules.stableMs;
  }

  /** Called when a try failed while other tries are under way. */
  failedBeside(loss: Loss<P>, now: number): Actions<P, C> {
    // A listener of the loss may have closed the client.
    if (this.current.name === 'closed') return NOTHING;
    const delayMs = this.delayAfter(loss, now, false, 0);
    return typeof delayMs === 'number' ? NOTHING : this.giveUp(loss, delayMs, this.attempt);
  }

  /**
   * Called when the last try under way failed, or when the connection was lost.
   *
   * @param isRoundOver - false if another place is tried before the next wait
   * @param restMs - time for which all places asked the client to stay away
   * @param plannedMs - delay after a planned end
   */
  lost(
    loss: Loss<P>,
    now: number,
    isRoundOver: boolean,
    restMs: number,
    plannedMs?: number,
  ): Actions<P, C> {
    const { current } = this;
    if (current.name === 'closed' || current.name === 'idle') return NOTHING;
    const isStable = this.isStable(now);
    if (isStable || (current.name === 'online' && now - this.onlineAt >= SHORT_MS)) this.moves = 0;
    const isMove = plannedMs !== undefined && this.moves < MAX_MOVES;
    if (isMove) this.moves += 1;
    if (isMove || isStable) this.beginAbsence(now);
    this.attempt += 1;
    if (isRoundOver) this.round += 1;
    const mostMs = isMove ? Math.max(plannedMs, restMs) : Number.POSITIVE_INFINITY;
    const waits = isRoundOver && mostMs > 0;
    const delayMs = this.delayAfter(loss, now, waits, restMs, mostMs);
    if (typeof delayMs !== 'number') return this.giveUp(loss, delayMs, this.attempt - 1);
    const isAtOnce = !waits && delayMs === 0;
    return [{ do: 'drop' }, ...(isAtOnce ? this.again(loss, now) : this.wait(loss, delayMs))];
  }

  /** Called before the loss of a connection that the client leaves while its server still works on it. */
  leaves(): void {
    this.left += 1;
  }

  /**
   * Called when a connection has ended that the client had left before. Its server may be back soon, so a client that waits
   * begins with the first try of `retry`.
   */
  leftEnded(now: number, restMs: number): Actions<P, C> {
    const { current } = this;
    this.left -= 1;
    // A server that announces the end of each connection at once is not back.
    const isBack = this.moves < MAX_MOVES;
    if (!isBack || current.name !== 'waiting' || this.hasReserved) return NOTHING;
    this.beginAbsence(now);
    this.attempt = this.round = 1;
    const delayMs = this.policyDelay(now, current.loss, restMs);
    return typeof delayMs === 'number'
      ? [{ do: 'drop' }, ...this.wait(current.loss, delayMs)]
      : NOTHING;
  }

  due(now: number): Actions<P, C> {
    const { current } = this;
    return current.name === 'waiting' ? this.again(current.loss, now) : NOTHING;
  }

  /** Called when the network has changed. Ends a wait, and tries on the old network. */
  networkChanged(now: number): Actions<P, C> {
    return this.current.name === 'connecting' ? [{ do: 'drop' }, { do: 'find' }] : this.woke(now);
  }

  /** Called when the program or page was suspended. Ends a wait, except for one of the budget. A try under way has a second to go on. */
  woke(now: number): Actions<P, C> {
    const { current } = this;
    if (current.name !== 'waiting' || this.hasReserved) return NOTHING;
    return [{ do: 'drop' }, ...this.again(current.loss, now)];
  }

  /** Called when a try or `ready` has not gone on since the page was shown. Tries again at once. */
  stalled(): Actions<P, C> {
    const { name } = this.current;
    return name === 'connecting' || name === 'readying'
      ? [{ do: 'drop' }, { do: 'find' }]
      : NOTHING;
  }

  close(reason: 'local' | 'aborted', error: Error | undefined): Actions<P, C> {
    return this.current.name === 'closed' ? NOTHING : this.end(reason, error);
  }

  private beginAbsence(now: number): void {
    this.absentAt = now;
    this.phase = undefined;
    this.attempt = 0;
    this.round = 0;
  }

  /** Starts the next try at once, or when the budget allows it. */
  private again(loss: Loss<P>, now: number): Actions<P, C> {
    const { budget } = this.rules;
    const isFree = this.hasReserved || !this.hasWaited;
    const delayMs = isFree || budget === undefined ? 0 : budget.reserve(now);
    this.hasReserved = delayMs > 0;
    if (delayMs > 0) return this.wait(loss, delayMs);
    this.triedAt = now;
    return [{ do: 'find' }];
  }

  private online(place: P, channel: C, now: number): Actions<P, C> {
    this.onlineAt = now;
    const online = this.enter({ name: 'online', place, channel });
    // Waiting messages are sent before a listener of the state can write.
    return [{ do: 'online', channel }, ...online];
  }

  private wait(loss: Loss<P>, delayMs: number): Actions<P, C> {
    this.hasWaited = true;
    const waiting = this.enter({ name: 'waiting', loss, delayMs });
    return [{ do: 'wait', delayMs }, ...waiting];
  }

  /**
   * Returns the time to wait, or the error or `undefined` with which the client gives up.
   *
   * @param waits - false if the next try follows at once, unless `shouldRetry` gives a time
   */
  private delayAfter(
    loss: Loss<P>,
    now: number,
    waits: boolean,
    restMs: number,
    mostMs = Number.POSITIVE_INFINITY,
  ): number | Error | undefined {
    if (isOptionError(loss.error)) return loss.error;
    try {
      const verdict = this.rules.shouldRetry(loss);
      if (verdict === false) return undefined;
      if (typeof verdict === 'object') return checkedDelay(verdict.afterMs, 'shouldRetry');
      if (!waits) return 0;
      const delayMs = this.policyDelay(now, loss, restMs);
      return typeof delayMs === 'number' ? Math.min(mostMs, delayMs) : delayMs;
    } catch (thrown) {
      return toError(thrown);
    }
  }

  private policyDelay(
    now: number,
    { during }: Loss<P>,
    restMs: number,
  ): number | Error | undefined {
    const { retry, random } = this.rules;
    try {
      this.phase ??= random();
      const isRefused = during === 'connecting' && now - this.triedAt <= REFUSED_MS;
      const facts = { elapsedMs: now - this.absentAt, phase: this.phase, isRefused, random };
      const delayMs = retry(this.round, facts);
      if (delayMs === undefined && this.left > 0) return LEFT_MS;
      if (delayMs === undefined) return undefined;
      return Math.max(checkedDelay(delayMs), restMs);
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
