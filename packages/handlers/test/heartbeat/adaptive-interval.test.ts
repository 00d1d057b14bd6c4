import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdaptiveInterval } from '../../src/heartbeat/adaptive-interval.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';

/** A router that forgets a connection which was silent for longer than `mappingMs`. */
function connectThrough(mappingMs: number, clock: VirtualClock, interval: AdaptiveInterval) {
  let lastAt = clock.now();
  const router: Handler = {
    write(ctx: Context, message: unknown) {
      const now = ctx.clock.now();
      const isKnown = now - lastAt <= mappingMs;
      if (isKnown) {
        lastAt = now;
        if (message === 'PING') ctx.clock.execute(() => channel.writeInbound('PONG'));
      }
      return ctx.write(message);
    },
  };
  const heartbeat = new HeartbeatHandler({ adaptive: interval, jitter: 0 });
  const channel = EmbeddedChannel.with({ clock }, router, heartbeat);
  return channel;
}

describe('AdaptiveInterval', () => {
  it('grows by a step for each confirmed answer, up to its maximum', () => {
    const interval = new AdaptiveInterval({
      minMs: 10,
      maxMs: 35,
      stepMs: 10,
      confirmations: 2,
    });
    const seen: number[] = [];
    for (let i = 0; i < 8; i++) {
      interval.answered(interval.currentMs);
      seen.push(interval.currentMs);
    }
    expect(seen).toEqual([10, 20, 20, 30, 30, 35, 35, 35]);
    expect(interval.isSettled).toBe(true);
  });

  it('does not learn from an answer after a shorter silence', () => {
    const interval = new AdaptiveInterval({ minMs: 100, stepMs: 100, confirmations: 1 });
    interval.answered(89);
    expect(interval.currentMs).toBe(100);
    interval.answered(90);
    expect(interval.currentMs).toBe(200);
  });

  it('backs off after a loss, and after one in what counted as safe', () => {
    const interval = new AdaptiveInterval({ minMs: 100, stepMs: 100, confirmations: 1 });
    for (let i = 0; i < 3; i++) interval.answered(interval.currentMs);
    expect([interval.safeMs, interval.currentMs]).toEqual([300, 400]);
    interval.lost(400);
    expect([interval.safeMs, interval.currentMs]).toEqual([300, 350]);
    interval.lost(250);
    expect(interval.safeMs).toBe(125);
    expect(interval.currentMs).toBeLessThan(250);
    interval.lost(50);
    expect(interval.safeMs).toBe(125);
  });

  it('begins again on another network', () => {
    const interval = new AdaptiveInterval({ minMs: 100, stepMs: 100, confirmations: 1 });
    interval.answered(100);
    interval.lost(200);
    interval.reset();
    expect([interval.safeMs, interval.currentMs]).toEqual([100, 100]);
    interval.answered(100);
    expect(interval.currentMs).toBe(200);
  });

  it('refuses bounds that contradict each other', () => {
    expect(() => new AdaptiveInterval({ minMs: 10, maxMs: 5 })).toThrow(/maxMs \(5\) is below/);
    expect(
      () => new HeartbeatHandler({ adaptive: new AdaptiveInterval(), intervalMs: 1000 }),
    ).toThrow(/leave out intervalMs/);
  });

  it('finds the longest silence that a path allows, with few connections lost', () => {
    fc.assert(
      fc.property(fc.integer({ min: 35_000, max: 900_000 }), (mappingMs) => {
        const clock = new VirtualClock();
        const interval = new AdaptiveInterval({ confirmations: 1 });
        let connections = 0;
        for (let round = 0; round < 60 && !interval.isSettled; round++) {
          const channel = connectThrough(mappingMs, clock, interval);
          connections += 1;
          while (channel.isOpen && !interval.isSettled) channel.advance(10_000);
          channel.finish();
        }
        expect(interval.isSettled).toBe(true);
        expect(interval.currentMs).toBeLessThanOrEqual(mappingMs);
        expect(interval.currentMs).toBeGreaterThan(Math.min(600_000, mappingMs) * 0.85);
        expect(connections).toBeLessThan(8);
      }),
      { numRuns: 60 },
    );
  });
});
