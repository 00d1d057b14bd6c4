import type { Clock } from '../contract/clock.ts';
import type { SettableFuture } from '../future/settable-future.ts';

/** The failed writes of a channel that are not observed yet. */
export class UnobservedFailures {
  private waiting: SettableFuture[] | undefined = undefined;
  private isReported = false;
  private readonly clock: Clock;
  private readonly report: (error: Error) => void;

  /** @param report - callback that receives the first unobserved failure of a channel, once */
  constructor(clock: Clock, report: (error: Error) => void) {
    this.clock = clock;
    this.report = report;
  }

  /** Adds a failed write. The next turn of the event loop reports the failure, unless a caller observes it earlier. */
  add(future: SettableFuture): void {
    if (this.isReported || future.isObserved) return;
    if (this.waiting !== undefined) {
      this.waiting.push(future);
      return;
    }
    this.waiting = [future];
    // An `await` looks at a future one microtask late, and tasks can run before the `await`.
    this.clock.nextTurn(() => this.reportUnseen());
  }

  /** Reports the first failure that the writer has not observed by the end of the turn, once for each channel. */
  private reportUnseen(): void {
    const unseen = this.waiting?.find((future) => !future.isObserved);
    this.waiting = undefined;
    if (unseen === undefined || this.isReported) return;
    this.isReported = true;
    this.report(unseen.error!);
  }
}
