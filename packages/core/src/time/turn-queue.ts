import { AsyncResource } from 'node:async_hooks';
import type { Turns } from '../contract.ts';

/** The part of a budget that a connection which did not wait gets in any case: quiet ones never wait. */
const QUIET_PART = 1 / 4;

/** Turns are set by the first connection that waits: each goes on in the asynchronous context of its own. */
class WaitingConnection extends AsyncResource {
  readonly resume: () => void;

  constructor(resume: () => void) {
    super('WaitingConnection');
    this.resume = resume;
  }
}

/**
 * The turns of an event loop, shared by its connections: however many are busy, their input takes about as much of one
 * turn as that of a single one may. A connection that has used up its share is queued; each turn resumes one.
 */
export class TurnQueue implements Turns {
  private readonly nextTurn: (task: () => void) => void;
  private readonly waiting: WaitingConnection[] = [];
  /** When the budget of this turn is used up; 0: nothing of it has been used. */
  private turnEndsAt = 0;

  /** @param nextTurn - that of the clock which has this queue */
  constructor(nextTurn: (task: () => void) => void) {
    this.nextTurn = nextTurn;
  }

  endOfShare(now: number, budgetMs: number): number {
    const { turnEndsAt } = this;
    // With an empty queue the beginning of a turn is unknown: input that begins after a whole budget begins a turn.
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
