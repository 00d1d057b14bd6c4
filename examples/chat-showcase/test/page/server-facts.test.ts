import { describe, expect, it } from 'vitest';
import { heartbeatIntervalMs } from '../../src/page/server-facts.js';

describe('heartbeatIntervalMs', () => {
  it.each([
    [120, 30_000],
    [60, 20_000],
    [15, 5000],
    [0.6, 500],
    [Number.NaN, 30_000],
    [0, 30_000],
  ])('of a server that waits for %d s is %d ms', (seconds, ms) => {
    expect(heartbeatIntervalMs(seconds)).toBe(ms);
  });
});
