import { AsyncLocalStorage } from 'node:async_hooks';
import { SharedChange } from '../watch/shared-change.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** The owner of the code that is running: a process, or the scenario. */
export interface RunningCode {
  /** The simulation. */
  readonly owner: object;
  readonly process: SimulatedProcess | undefined;
}

// One storage for all simulations, because before Node 24 each storage makes every promise of the process slower.
const running = new AsyncLocalStorage<RunningCode>();
const runs = new SharedChange<object>(() => () => running.disable());

/**
 * Marks the start of a simulation. Returns a function that marks its end. When no simulation runs, promises have no extra
 * cost.
 */
export function beginRun(): () => void {
  return runs.use({});
}

/** Runs a task, and all asynchronous work that follows from the task, as code of this owner. */
export function runCode(code: RunningCode, task: () => void): void {
  running.run(code, task);
}

/** Returns the owner of the running code, even after an `await`. Returns `undefined` outside simulations. */
export function runningCode(): RunningCode | undefined {
  return running.getStore();
}
