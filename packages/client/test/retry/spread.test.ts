import { exponential, type RetryPolicy, spread } from '@headrace/client';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chance, seeded, shareOfWindow, simulateReturn } from './outage.ts';

const random = () => 0.5;

/** Tries that cost the server work. */
const costly: RetryPolicy = (attempt, round) => spread()(attempt, { ...round, isRefused: false });

/** The moments of the first tries, each refused after `takesMs`. */
function moments(policy: RetryPolicy, phase: number, count: number, takesMs = 0) {
  const found: number[] = [];
  let elapsedMs = 0;
  for (let attempt = 1; attempt <= count; attempt++) {
    const at = elapsedMs + policy(attempt, { elapsedMs, phase, isRefused: true, random })!;
    found.push(Math.round(at * 1e6) / 1e6);
    elapsedMs = at + takesMs;
  }
  return found;
}

describe('spread', () => {
  it('tries at the same share of windows of 2, 4, 8, 16, 30, 30 … s that lie back to back', () => {
    expect(moments(costly, 0, 7)).toEqual([0, 2000, 6000, 14_000, 30_000, 60_000, 90_000]);
    expect(moments(costly, 0.5, 6)).toEqual([1000, 4000, 10_000, 22_000, 45_000, 75_000]);
  });

  it('has no window over 5 s, or the time that is given, while connects are refused', () => {
    expect(moments(spread(), 0, 6)).toEqual([0, 2000, 6000, 11_000, 16_000, 21_000]);
    const policy = spread({ maxRefusedMs: 16_000 });
    expect(moments(policy, 0, 6)).toEqual([0, 2000, 6000, 14_000, 30_000, 46_000]);
    expect(moments(spread({ firstMs: 500, maxMs: 1000 }), 0, 4)).toEqual([0, 500, 1500, 2500]);
    expect(moments(spread({ firstMs: 8000 }), 0, 3)).toEqual([0, 8000, 16_000]);
  });

  it('goes on with the next moment that is still to come after a try that took long', () => {
    expect(moments(costly, 0.5, 3, 10_000)).toEqual([1000, 22_000, 45_000]);
    expect(moments(costly, 0, 3, 1000)).toEqual([0, 2000, 6000]);
    const days = 86_400_000 * 30;
    expect(spread()(9, { elapsedMs: days + 1000, phase: 0, random })).toBeGreaterThan(0);
  });

  it('a timer that comes a little early does not make a second try', () => {
    const delay = spread()(2, { elapsedMs: 999, phase: 0.5, random });
    expect(delay).toBe(3001);
  });

  it('never waits longer than two windows, and never a negative time', () => {
    const round = fc.record({
      elapsedMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
      phase: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      isRefused: fc.boolean(),
    });
    const options = fc.record({
      firstMs: fc.integer({ min: 10, max: 5000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      maxMs: fc.integer({ min: 5000, max: 60_000 }),
    });
    fc.assert(
      fc.property(options, round, fc.integer({ min: 1, max: 50 }), (options, round, attempt) => {
        const delay = spread(options)(attempt, { ...round, random })!;
        expect(delay).toBeGreaterThanOrEqual(-1e-6);
        expect(delay).toBeLessThanOrEqual(2 * options.maxMs + 10);
      }),
    );
  });

  it('10,000 clients come back with at most 1 + p times the mean, where full jitter has many times', () => {
    const next = seeded(13);
    let [worst, jittered] = [0, 0];
    for (let outageMs = 0; outageMs < 130_000; outageMs += 3700) {
      const { busiest } = simulateReturn(spread(), 10_000, outageMs, next);
      expect(busiest).toBeLessThan(1 + shareOfWindow(outageMs) + chance(10_000));
      worst = Math.max(worst, busiest);
      const other = simulateReturn(exponential(), 10_000, outageMs, next).busiest;
      jittered = Math.max(jittered, other);
    }
    expect(worst).toBeLessThan(2);
    expect(jittered).toBeGreaterThan(4);
  });

  it('brings 5,000 clients back in 5 s, with 1,000 in a second, however long their server was away', () => {
    const next = seeded(17);
    for (let outageMs = 11_000; outageMs < 200_000; outageMs += 7100) {
      const { busiest, lastMs } = simulateReturn(spread(), 5000, outageMs, next);
      expect(lastMs - outageMs).toBeLessThanOrEqual(5000);
      expect(busiest).toBeLessThan(1 + chance(5000));
    }
  });

  it('refuses windows that are none', () => {
    expect(() => spread({ firstMs: 0 })).toThrow('firstMs is 0');
    expect(() => spread({ factor: 0.5 })).toThrow('factor is 0.5');
    expect(() => spread({ maxMs: 1000 })).toThrow('maxMs is 1000');
    expect(() => spread({ max: 1 } as never)).toThrow('max');
  });
});
