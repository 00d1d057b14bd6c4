import type { Clock, Timer } from '@headrace/core';
import { ResumeTable } from '@headrace/lasting';
import type { Simulation } from '@headrace/simulation';

/** Less apart than a log keeps its records. */
const OFFSETS_MS = [240_000, -180_000, 0, 120_000];
const JUMPS = 24;

/** Returns by how much a clock is wrong now: by minutes, and it jumps forward and back until this time. */
export function wrongOffset(sim: Simulation, untilMs: number, first = 0): () => number {
  return () => {
    const jumps = Math.floor((JUMPS * Math.min(sim.now, untilMs)) / untilMs);
    return OFFSETS_MS[(first + jumps) % OFFSETS_MS.length]!;
  };
}

/** The times of day of these hosts differ by minutes, and jump until this time. */
export function wrongClocks(sim: Simulation, hosts: readonly string[], untilMs: number): void {
  hosts.forEach((host, index) => {
    const offset = wrongOffset(sim, untilMs, 1 + index);
    for (let jump = 0; jump <= JUMPS; jump += 1) {
      sim.at((jump * untilMs) / JUMPS, () => sim.setClock(host, { offsetMs: offset() }));
    }
  });
}

/** Measures the absence of clients, and every other deadline, by the time of day. */
export class TimeOfDayTable extends ResumeTable {
  protected override sessionWith(...[options]: Parameters<ResumeTable['sessionWith']>) {
    const { clock } = options;
    const schedule = (task: () => void, ms: number): Timer => {
      const dueAt = clock.timeOfDay() + ms;
      let timer: Timer;
      const look = (): void => {
        if (clock.timeOfDay() >= dueAt) task();
        else timer = clock.schedule(look, 50);
      };
      timer = clock.schedule(look, Math.min(ms, 50));
      return { cancel: () => timer.cancel() };
    };
    const wrong: Clock = Object.create(clock, { deadlines: { value: { schedule } } });
    return super.sessionWith({ ...options, clock: wrong });
  }
}
