import type { VirtualClock } from './virtual-clock.ts';

/** Number of turns of the real event loop in which promises, and the work that they start, can run. */
const ROUNDS = 3;

/**
 * Moves virtual time forward for code that also waits for promises. After each timer, it runs all tasks and promises that are
 * ready. In contrast, `clock.advance` runs all timers and tasks before any promise continues.
 *
 * @param ms - time to pass, in milliseconds of the clock
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

/** Runs all tasks and promises that are ready, without moving virtual time. */
export async function settle(clock: VirtualClock): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.runTasks();
  }
}
