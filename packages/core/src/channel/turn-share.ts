import type { Clock } from '../contract.ts';
import { nextTurn } from '../internal/system-clock.ts';

/** This many connections may use their whole time in one turn; more of them share what these have. */
const WHOLE_SHARES = 2;

/** Connections of this process whose input waits for the next turn. */
let waiting = 0;

/**
 * What one connection's input may use of this turn. A turn lasts as long as the sum of them: with a hundred busy
 * peers everybody would wait for a hundred times `budgetMs`, so they share.
 */
export function shareOfTurn(budgetMs: number): number {
  return waiting <= WHOLE_SHARES ? budgetMs : (budgetMs * WHOLE_SHARES) / waiting;
}

/** Goes on with a connection's input in the next turn of the event loop. */
export function waitForTurn(clock: Clock, goOn: () => void): void {
  waiting += 1;
  nextTurn(clock, () => {
    waiting -= 1;
    goOn();
  });
}
