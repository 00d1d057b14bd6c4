import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/time/token-bucket.ts';

const rate = { perSecond: 10, burst: 2 };

describe('TokenBucket', () => {
  it('takes tokens up to the burst, and then one for each interval', () => {
    const bucket = new TokenBucket(rate);
    expect([bucket.take(rate, 0), bucket.take(rate, 0), bucket.take(rate, 0)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(bucket.take(rate, 99)).toBe(false);
    expect(bucket.take(rate, 100)).toBe(true);
  });

  it('gives a token or the time until the next one, in one answer', () => {
    for (const perSecond of [0.5, 3, 50, 7000]) {
      const one = { perSecond, burst: 1 };
      const bucket = new TokenBucket(one);
      let now = 0;
      for (let taken = 0; taken < 20; ) {
        const waitMs = bucket.takeOrWait(one, now);
        if (waitMs === 0) taken += 1;
        else {
          expect(bucket.left(one, now + waitMs / 2)).toBe(0);
          now += waitMs;
          expect(bucket.left(one, now)).toBe(1);
        }
      }
      expect(now).toBeCloseTo((19 * 1000) / perSecond);
    }
  });
});
