import type { Clock } from '../contract.ts';
import { systemClock } from '../internal/system-clock.ts';

/** While others wait, a connection that did not may use this part of its time at least: quiet ones never wait. */
const QUIET_PART = 1 / 4;

/**
 * What the input of all connections may use of one turn of an event loop: together about as much as one alone may,
 * however many are busy. Whoever has used up its time waits in a queue, of which each turn goes on with one.
 */
export class TurnShare {
  private readonly nextTurn: (task: () => void) => void;
  private readonly waiting: (() => void)[] = [];
  /** When the time of this turn is over; 0: it is a new one. */
  private turnEndsAt = 0;

  constructor(nextTurn: (task: () => void) => void) {
    this.nextTurn = nextTurn;
  }

  /** When the time of one connection is over that begins now. */
  endOfShare(now: number, budgetMs: number): number {
    const { turnEndsAt } = this;
    // While nobody waits it is not known when a turn ends: what came after a whole budget is taken for a new one.
    const isNew = this.waiting.length === 0 ? now >= turnEndsAt : turnEndsAt === 0;
    const whole = now + budgetMs;
    if (isNew) this.turnEndsAt = whole;
    return isNew ? whole : Math.min(whole, Math.max(turnEndsAt, now + budgetMs * QUIET_PART));
  }

  /** Its time was over at `now`: goes on with its input in a later turn. */
  wait(now: number, goOn: () => void): void {
    this.waiting.push(goOn);
    if (this.waiting.length > 1) return;
    this.turnEndsAt = now;
    this.nextTurn(this.resumeOne);
  }

  private readonly resumeOne = (): void => {
    const goOn = this.waiting.shift()!;
    this.turnEndsAt = 0;
    if (this.waiting.length > 0) this.nextTurn(this.resumeOne);
    goOn();
  };
}

/** That of this process's event loop. Connections by a test's clock share nothing. */
const shared = new TurnShare(setImmediate);

/** When the time of a connection's input is over that begins now. */
export function endOfShare(clock: Clock, now: number, budgetMs: number): number {
  return clock === systemClock ? shared.endOfShare(now, budgetMs) : now + budgetMs;
}

/** Goes on with a connection's input in a later turn of the event loop; by a clock of a test, after the current event. */
export function waitForTurn(clock: Clock, now: number, goOn: () => void): void {
  if (clock === systemClock) shared.wait(now, goOn);
  else clock.execute(goOn);
}
