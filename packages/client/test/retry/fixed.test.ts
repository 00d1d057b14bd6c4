import { fixed } from '@headrace/client';
import { describe, expect, it } from 'vitest';

const round = { elapsedMs: 0, phase: 0.5, random: () => 0.5 };

describe('fixed', () => {
  it('tries at once, then every second without end', () => {
    const policy = fixed(1000);
    expect([1, 2, 3, 1e6].map((attempt) => policy(attempt, round))).toEqual([0, 1000, 1000, 1000]);
  });

  it('tries five times, 3 s apart, then gives up', () => {
    const policy = fixed(3000, { attempts: 5 });
    const delays = [1, 2, 3, 4, 5, 6].map((attempt) => policy(attempt, round));
    expect(delays).toEqual([0, 3000, 3000, 3000, 3000, undefined]);
  });

  it('refuses values that are not a time or a number of tries', () => {
    expect(() => fixed(-1)).toThrow('ms is -1');
    expect(() => fixed(Number.NaN)).toThrow('ms is NaN');
    expect(() => fixed(1, { attempts: 0 })).toThrow('attempts is 0');
    expect(() => fixed(1, { attempt: 3 } as never)).toThrow('did you mean attempts?');
  });
});
