import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from '../../src/page/backoff.js';

const lowest = () => 0;
const highest = () => 1 - Number.EPSILON;

describe('backoffDelayMs', () => {
  it('never waits less than half a second', () => {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      expect(backoffDelayMs(attempt, lowest)).toBe(500);
    }
  });

  it('doubles the longest wait with each attempt, up to half a minute', () => {
    const longest = [0, 1, 2, 3, 4, 5, 6].map((attempt) => backoffDelayMs(attempt, highest));
    expect(longest).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(backoffDelayMs(10_000, highest)).toBe(30_000);
  });

  it('spreads waits over the whole range', () => {
    expect(backoffDelayMs(5, () => 0.5)).toBe(15_250);
  });

  it('takes other bounds', () => {
    expect(backoffDelayMs(9, highest, { minMs: 10, maxMs: 100 })).toBe(100);
    expect(backoffDelayMs(9, lowest, { minMs: 10, maxMs: 100 })).toBe(10);
  });
});
