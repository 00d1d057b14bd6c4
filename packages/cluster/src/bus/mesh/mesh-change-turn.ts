import type { StateAnswer } from '../../log/state-log.ts';
import { notNow, type Outcome } from './mesh-requests.ts';

/**
 * The changes of this node to one state since it was opened. A writer that gets a refusal opens the state again, and repeats the
 * changes in order. Until then, all later changes are refused, so that none of them is stored before an earlier one.
 */
export class ChangeTurn {
  readonly number: number;
  private keeper: object | undefined = undefined;
  private unanswered = 0;
  private isOver = false;

  constructor(number: number) {
    this.number = number;
  }

  /** Gives a change to a keeper, unless an earlier one was refused, or waits for the answer of another keeper. */
  give(
    keeper: object,
    outcome: Outcome<StateAnswer>,
    change: (outcome: Outcome<StateAnswer>) => void,
  ): void {
    if (this.isOver || (this.unanswered > 0 && this.keeper !== keeper)) {
      this.refuse(outcome, notNow('an earlier change is not stored yet'));
      return;
    }
    this.keeper = keeper;
    this.unanswered += 1;
    change({
      done: (answer) => {
        this.unanswered -= 1;
        outcome.done(answer);
      },
      failed: (error) => {
        this.unanswered -= 1;
        this.refuse(outcome, error);
      },
    });
  }

  refuse(outcome: Outcome<StateAnswer>, error: Error): void {
    this.isOver = true;
    outcome.failed(error);
  }
}
