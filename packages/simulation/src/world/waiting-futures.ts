import { SettableFuture } from '@headrace/core/authoring';
import type { SimulatedProcess } from '../host/simulated-process.ts';
import { SharedChange } from '../watch/shared-change.ts';

/** Below this many it is not worth looking for those that are settled. */
const LEAST_TO_SWEEP = 4096;

/** Whose code runs now, if it is code of a process. */
type Caller = () => SimulatedProcess | undefined;

/**
 * The write futures that code of a simulation waits for: each must settle, if its process lives. Watches the one method
 * by which anybody waits, while the simulation runs.
 */
export class WaitingFutures {
  private waiting = new Map<SettableFuture, SimulatedProcess>();
  private sweepAt = LEAST_TO_SWEEP;
  private takesMore = true;

  /** Begins to watch; returns what ends it. */
  watch(caller: Caller): () => void {
    const note = (future: SettableFuture) => {
      const process = future.isSettled || !this.takesMore ? undefined : caller();
      if (process !== undefined) this.add(future, process);
    };
    return waits.use(note);
  }

  /** Futures that are waited for from now on are not watched. */
  takeNoMore(): void {
    this.takesMore = false;
  }

  /** For each process that lives, how many of its futures are not settled. */
  unsettled(): Map<string, number> {
    this.sweep();
    const counts = new Map<string, number>();
    for (const { hostName } of this.waiting.values()) {
      counts.set(hostName, (counts.get(hostName) ?? 0) + 1);
    }
    return counts;
  }

  private add(future: SettableFuture, process: SimulatedProcess): void {
    this.waiting.set(future, process);
    if (this.waiting.size >= this.sweepAt) this.sweep();
  }

  private sweep(): void {
    for (const [future, process] of this.waiting) {
      if (future.isSettled || !process.isAlive) this.waiting.delete(future);
    }
    this.sweepAt = Math.max(LEAST_TO_SWEEP, 2 * this.waiting.size);
  }
}

type Note = (future: SettableFuture) => void;

const waits = new SharedChange<Note>((notes) => {
  const { prototype } = SettableFuture;
  const { peekSettled } = prototype;
  prototype.peekSettled = function (listener) {
    for (const note of notes) note(this);
    peekSettled.call(this, listener);
  };
  return () => {
    prototype.peekSettled = peekSettled;
  };
});
