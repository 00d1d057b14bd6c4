import { describe, expect, it } from 'vitest';
import { exponential } from '../../src/authoring.ts';

const facts = { elapsedMs: 0, phase: 0 };
const delays = (policy: ReturnType<typeof exponential>, chance: number): (number | undefined)[] =>
  [1, 2, 3, 7, 2000].map((attempt) => policy(attempt, { ...facts, random: () => chance }));

describe('exponential', () => {
  it('doubles the wait up to the longest one', () => {
    expect(delays(exponential({ jitter: 'none' }), 0.9)).toEqual([500, 1000, 2000, 30_000, 30_000]);
  });

  it('leaves the whole wait to chance, or half of it', () => {
    expect(delays(exponential(), 0.1)).toEqual([50, 100, 200, 3000, 3000]);
    expect(delays(exponential({ jitter: 'equal' }), 0)).toEqual([250, 500, 1000, 15_000, 15_000]);
    expect(delays(exponential({ jitter: 'equal' }), 0.1)).toEqual([275, 550, 1100, 16_500, 16_500]);
  });

  it('refuses waits and jitters that are none', () => {
    expect(() => exponential({ baseMs: 0 })).toThrow('baseMs is 0');
    expect(() => exponential({ maxMs: 10 })).toThrow('maxMs is 10');
    expect(() => exponential({ jitter: 'half' as never })).toThrow('jitter is "half"');
  });
});
