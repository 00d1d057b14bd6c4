import { AsyncResource } from 'node:async_hooks';
import type { Turns } from '../contract/clock.ts';

/** Minimum part of a budget for a connection that did not wait. Therefore quiet connections never wait. */
const QUIET_PART = 1 / 4;

/** A waiting connection, resumed in its own asynchronous context. The first connection that waits schedules the turns. */
class WaitingConnection extends AsyncResource {
  readonly resume: () => void;

  constructor(resume: () => void) {
    super('WaitingConnection');
    this.resume = resume;
  }
}

/**
 * Divides the turns of an event loop among its connections. The input of all busy connections together takes about the budget
 * of one connection per turn. A connection that has used up its share is queued, and each turn resumes one connection.
 */
export class TurnQueue implements Turns {
  private readonly nextTurn: (task: () => void) => void;
  private readonly waiting: WaitingConnection[] = [];
  /** Time at which the budget of this turn is used up, or 0 if the budget is unused. */
  private turnEndsAt = 0;

  /** @param nextTurn - method `nextTurn` of the clock that has this queue */
  constructor(nextTurn: (task: () => void) => void) {
    this.nextTurn = nextTurn;
  }

  get isBusy(): boolean {
    return this.waiting.length > 0;
  }

  endOfShare(now: number, budgetMs: number): number {
    const { turnEndsAt } = this;
    // With an empty queue the start of the turn is unknown. Input that starts after a whole budget starts a new
    // turn.
    const isNew = this.waiting.length === 0 ? now >= turnEndsAt : turnEndsAt === 0;
    const whole = now + budgetMs;
    if (isNew) this.turnEndsAt = whole;
    return isNew ? whole : Math.min(whole, Math.max(turnEndsAt, now + budgetMs * QUIET_PART));
  }

  wait(now: number, resume: () => void): void {
    this.waiting.push(new WaitingConnection(resume));
    if (this.waiting.length > 1) return;
    this.turnEndsAt = now;
    this.nextTurn(this.resumeOne);
  }

  private readonly resumeOne = (): void => {
    const first = this.waiting.shift()!;
    this.turnEndsAt = 0;
    if (this.waiting.length > 0) this.nextTurn(this.resumeOne);
    first.runInAsyncScope(first.resume);
  };
}
