import type { VirtualClock } from './virtual-clock.ts';

/** Turns of the real event loop in which promises, and what they start, get their chance. */
const ROUNDS = 3;

/**
 * Lets virtual time pass for code that also waits for promises: after each timer that is due, everything runs that is
 * ready to run. `clock.advance` alone runs timers and tasks at once, before any promise goes on.
 *
 * @param ms - how long, in milliseconds of the clock
 */
export async function passTime(clock: VirtualClock, ms: number): Promise<void> {
  const end = clock.now() + ms;
  await settle(clock);
  while (clock.nextDelay >= 0 && clock.now() + clock.nextDelay <= end) {
    clock.advance(clock.nextDelay);
    await settle(clock);
  }
  clock.advance(end - clock.now());
  await settle(clock);
}

/** Runs everything that is ready to run, promises too; virtual time does not move. */
export async function settle(clock: VirtualClock): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.runTasks();
  }
}
