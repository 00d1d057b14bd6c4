import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../../src/authoring.ts';

describe('RetryBudget', () => {
  it('lets a burst through, then so many per second, in line', () => {
    const budget = new RetryBudget({ perSecond: 10, burst: 2 });
    expect([1, 2, 3, 4].map(() => budget.reserve(0))).toEqual([0, 0, 100, 200]);
    expect(budget.reserve(1000)).toBe(0);
  });

  it('takes nothing where a try may not wait', () => {
    const budget = new RetryBudget({ perSecond: 1, burst: 1 });
    expect([budget.tryTake(0), budget.tryTake(0), budget.tryTake(999)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(budget.tryTake(1000)).toBe(true);
  });

  it('grows by a share of the calls, up to its burst', () => {
    const budget = new RetryBudget({ perSecond: 0.001, burst: 2, share: 0.25 });
    const taken = (calls: number): number => {
      for (let i = 0; i < calls; i += 1) budget.called();
      let count = 0;
      while (budget.tryTake(0)) count += 1;
      return count;
    };
    expect([taken(0), taken(3), taken(1), taken(4), taken(100)]).toEqual([2, 0, 1, 1, 2]);
  });

  it('takes back what was not used', () => {
    const budget = new RetryBudget({ perSecond: 1, burst: 1 });
    budget.reserve(0);
    budget.giveBack();
    budget.giveBack();
    expect([budget.tryTake(0), budget.tryTake(0)]).toEqual([true, false]);
  });

  it('never lets more pass than the burst and the rate allow', () => {
    const steps = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (steps) => {
        const budget = new RetryBudget({ perSecond: 10, burst: 5 });
        let now = 0;
        const passes = steps.map((step) => {
          now += step;
          return now + budget.reserve(now);
        });
        const latest = Math.max(0, ...passes);
        const inTime = 5 + (latest * 10) / 1000;
        expect(passes.length).toBeLessThanOrEqual(inTime + 1e-6);
      }),
    );
  });

  it('refuses a rate that is none', () => {
    expect(() => new RetryBudget({ perSecond: 0 })).toThrow('perSecond is 0');
    expect(() => new RetryBudget({ burst: 0 })).toThrow('burst is 0');
  });
});
