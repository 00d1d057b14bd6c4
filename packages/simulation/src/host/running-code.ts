import { AsyncLocalStorage } from 'node:async_hooks';
import { SharedChange } from '../watch/shared-change.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** Whose code runs: of a process, or the scenario's own actions. */
export interface RunningCode {
  /** The simulation. */
  readonly owner: object;
  readonly process: SimulatedProcess | undefined;
}

// One for all simulations: every promise of the process costs time for each of them, before Node 24.
const running = new AsyncLocalStorage<RunningCode>();
const runs = new SharedChange<object>(() => () => running.disable());

/** Marks that a simulation runs; returns the function that ends it. Once none runs, promises cost no more than before. */
export function beginRun(): () => void {
  return runs.use({});
}

/** Runs a task as code of this owner, and all asynchronous work that follows from it. */
export function runCode(code: RunningCode, task: () => void): void {
  running.run(code, task);
}

/** Whose code this is, even after an `await`; `undefined` outside simulations. */
export function runningCode(): RunningCode | undefined {
  return running.getStore();
}
