import type { Timer } from '@headrace/core';

/** The time of the whole simulation. Hosts do not see it, because each has a clock of its own. */
export interface SimulatedTime {
  /** Milliseconds since the start of the simulation. */
  readonly now: number;
  /** Schedules a task of the simulation itself, which is not code of a host or of the scenario. */
  plan(atMs: number, task: () => void): Timer;
}
