import { SettableFuture } from '@headrace/core/authoring';
import type { SimulatedProcess } from '../host/simulated-process.ts';
import { SharedChange } from '../watch/shared-change.ts';

/** Minimum number of futures at which a search for settled futures is worth its cost. */
const MIN_TO_SWEEP = 4096;

/** A function that returns the process whose code runs, if there is one. */
type Caller = () => SimulatedProcess | undefined;

/**
 * The write futures that code of a simulation waits for. Each future must settle while its process lives. During the
 * simulation, the class watches the only method that waits for a future.
 */
export class WaitingFutures {
  private waiting = new Map<SettableFuture, SimulatedProcess>();
  private sweepAt = MIN_TO_SWEEP;
  private takesMore = true;

  /** Starts to watch. Returns a function that ends the watch. */
  watch(caller: Caller): () => void {
    const note = (future: SettableFuture) => {
      const process = future.isSettled || !this.takesMore ? undefined : caller();
      if (process !== undefined) this.add(future, process);
    };
    return waits.use(note);
  }

  /** Stops watching further futures. */
  takeNoMore(): void {
    this.takesMore = false;
  }

  /** Returns the number of unsettled futures for each process that lives. */
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
    this.sweepAt = Math.max(MIN_TO_SWEEP, 2 * this.waiting.size);
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
