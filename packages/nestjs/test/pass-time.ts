import type { VirtualClock } from '@headrace/core/testing';

/** Time passes, and promises are kept up with it. */
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

/** What is ready to run runs, without time. */
export async function settle(clock: VirtualClock): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.runTasks();
  }
}
