import type { Clock } from '../contract.ts';
import type { SettableFuture } from '../future/settable-future.ts';

/** The failed writes of a channel that are not observed yet; made with the first of them. */
export class UnseenFailures {
  private waiting: SettableFuture[] | undefined = undefined;
  private isReported = false;
  private readonly clock: Clock;
  private readonly report: (error: Error) => void;

  /** @param report - called once for a channel, with the first unobserved failure */
  constructor(clock: Clock, report: (error: Error) => void) {
    this.clock = clock;
    this.report = report;
  }

  /** A write has failed: it is reported in the next turn of the event loop, unless it is observed before. */
  add(future: SettableFuture): void {
    if (this.isReported || future.isObserved) return;
    if (this.waiting !== undefined) {
      this.waiting.push(future);
      return;
    }
    this.waiting = [future];
    // An `await` looks at a future one microtask late, and tasks may run before that.
    this.clock.nextTurn(() => this.reportUnseen());
  }

  /** The writer has had the rest of the turn to look at the future; one line per channel is enough. */
  private reportUnseen(): void {
    const unseen = this.waiting?.find((future) => !future.isObserved);
    this.waiting = undefined;
    if (unseen === undefined || this.isReported) return;
    this.isReported = true;
    this.report(unseen.error!);
  }
}
