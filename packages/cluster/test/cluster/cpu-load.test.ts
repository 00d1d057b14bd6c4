import { expect, it } from 'vitest';
import { cpuLoad } from '../../src/cluster/cpu-load.ts';

it('the load is that of the last second, however often it is asked for', () => {
  let now = 0;
  let usedMs = 0;
  const load = cpuLoad(
    () => now,
    () => ({ user: usedMs * 900, system: usedMs * 100 }),
  );
  expect(load()).toBe(0);
  [now, usedMs] = [1000, 250];
  expect(load()).toBe(0.25);
  // Nothing is used between these calls, which come shortly after one another.
  now = 1010;
  expect(load()).toBe(0.25);
  [now, usedMs] = [1500, 750];
  expect(load()).toBe(0.25);
  [now, usedMs] = [2000, 1250];
  expect(load()).toBe(1);
});
