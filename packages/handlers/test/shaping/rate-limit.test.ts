import { describe, expect, it } from 'vitest';
import { RateLimit } from '../../src/shaping/rate-limit.ts';

const limit = (bytesPerSecond: number, maxWaitMs = 15_000): RateLimit =>
  new RateLimit(bytesPerSecond, { checkIntervalMs: 1000, maxWaitMs }, 0);

describe('RateLimit', () => {
  it('has no limit at Infinity and refuses 0', () => {
    expect(limit(Number.POSITIVE_INFINITY).charge(1e9, 0)).toBe(0);
    expect(() => limit(0)).toThrow(/bytesPerSecond is 0/);
  });

  it('ignores waits below 10 ms, and charges them to what follows', () => {
    const one = limit(1000);
    expect(one.charge(9, 0)).toBe(0);
    expect(one.charge(9, 0)).toBe(18);
  });

  it('waits for bytes * 1000 / limit - elapsed', () => {
    const one = limit(1000);
    expect(one.charge(500, 200)).toBe(300);
    expect(one.charge(500, 300)).toBe(700);
  });

  it('adds what earlier intervals still owe', () => {
    const one = limit(1000);
    expect(one.charge(2500, 0)).toBe(2500);
    expect(one.charge(100, 1500)).toBe(1100);
  });

  it('gives no credit for time before the current interval', () => {
    const one = limit(1000);
    one.charge(1, 0);
    expect(one.charge(1000, 10_100)).toBe(900);
  });

  it('caps a single wait', () => {
    const one = limit(10, 1000);
    expect(one.charge(10_000, 0)).toBe(1000);
    expect(one.charge(1, 0)).toBe(1000);
    // What is beyond the longest wait is forgiven.
    expect(one.charge(1, 1000)).toBe(100);
  });

  it('keeps the average at the limit over a minute of full load', () => {
    const one = limit(10_000);
    let now = 0;
    let sent = 0;
    while (now < 60_000) {
      now += one.charge(700, now);
      sent += 700;
    }
    expect(sent / (now / 1000)).toBeCloseTo(10_000, -3);
  });

  it('takes a new limit for the next bytes', () => {
    const one = limit(1000);
    one.bytesPerSecond = 100;
    expect(one.charge(100, 0)).toBe(1000);
    expect(() => {
      one.bytesPerSecond = -1;
    }).toThrow(/bytesPerSecond/);
  });

  it('counts nothing for what has no size', () => {
    expect(limit(1).charge(-1, 0)).toBe(0);
  });
});
