import { expect, it, vi } from 'vitest';
import type { Channel } from '../../src/contract.ts';
import { SettableFuture } from '../../src/future/settable-future.ts';
import { Broadcasts } from '../../src/group/broadcasts.ts';
import { systemClock } from '../../src/time/system-clock.ts';

it('a broadcast in slices lets other events in between, and waits for no timer', async () => {
  const timers = vi.fn(systemClock.schedule);
  const clock = { ...systemClock, schedule: timers };
  const member = { clock, flush() {} } as unknown as Channel;
  const broadcasts = new Broadcasts();
  let written = 0;
  const write = () => {
    const before = process.cpuUsage();
    while (process.cpuUsage(before).user < 100);
    written += 1;
    return SettableFuture.succeeded();
  };
  broadcasts.run(
    Array.from({ length: 200 }, () => member),
    true,
    write,
  );
  const seen: number[] = [];
  while (broadcasts.size > 0) {
    seen.push(written);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(written).toBe(200);
  expect(seen.length).toBeGreaterThan(1);
  expect(timers).not.toHaveBeenCalled();
});
