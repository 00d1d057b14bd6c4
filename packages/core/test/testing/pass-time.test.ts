import { expect, it } from 'vitest';
import { passTime, settle } from '../../src/testing/pass-time.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

const after = (clock: VirtualClock, ms: number): Promise<void> =>
  new Promise((resolve) => {
    clock.schedule(resolve, ms);
  });

it('lets timers follow that promises start, each at its time', async () => {
  const clock = new VirtualClock();
  const times: number[] = [];
  const work = async (): Promise<void> => {
    for (const ms of [100, 200, 300]) {
      await after(clock, ms);
      times.push(clock.now());
    }
  };
  void work();
  await passTime(clock, 350);
  expect(times).toEqual([100, 300]);
  expect(clock.now()).toBe(350);
  await passTime(clock, 250);
  expect(times).toEqual([100, 300, 600]);
});

it('settles promises and tasks without time', async () => {
  const clock = new VirtualClock();
  let isDone = false;
  void Promise.resolve().then(() => clock.execute(() => (isDone = true)));
  await settle(clock);
  expect([isDone, clock.now()]).toEqual([true, 0]);
});
