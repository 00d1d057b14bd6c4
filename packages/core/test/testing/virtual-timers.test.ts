import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';

describe('VirtualClock, its timers', () => {
  it('run in order of their due time, those of the same millisecond in the order they were set', () => {
    const step = fc.record({
      delay: fc.constantFrom(0, 1, 5, 5.5, 10, 60_000),
      wait: fc.nat(7),
      cancels: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new VirtualClock();
        const wanted: { due: number; order: number }[] = [];
        const ran: { due: number; order: number }[] = [];
        steps.forEach(({ delay, wait, cancels }, order) => {
          const due = clock.now() + delay;
          const timer = clock.schedule(() => ran.push({ due: clock.now(), order }), delay);
          if (cancels) timer.cancel();
          else wanted.push({ due, order });
          clock.advance(wait);
        });
        expect(clock.pendingTimers).toBe(wanted.length - ran.length);
        clock.advance(120_000);
        wanted.sort((a, b) => a.due - b.due || a.order - b.order);
        expect(ran).toEqual(wanted);
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });

  it('forgets timers that have run, however many there were', () => {
    const clock = new VirtualClock();
    let runs = 0;
    const again = (): void => {
      runs += 1;
      clock.schedule(again, 10);
    };
    for (let i = 0; i < 3000; i++) clock.schedule(again, 10);
    clock.advance(50);
    expect(runs).toBe(15_000);
    expect(clock.pendingTimers).toBe(3000);
    clock.cancelTimers();
    expect([clock.pendingTimers, clock.nextDelay]).toEqual([0, -1]);
  });
});
