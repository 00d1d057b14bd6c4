import type { Timer } from '@headrace/core';

/** The time of the whole simulation, which no host sees as it is: each has a clock of its own. */
export interface SimulatedTime {
  /** Milliseconds since the simulation began. */
  readonly now: number;
  /** Runs a task of the simulation itself at a time: not code of a host, or of the scenario. */
  plan(atMs: number, task: () => void): Timer;
}
