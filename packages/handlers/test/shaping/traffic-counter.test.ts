import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { TrafficCounter } from '../../src/shaping/traffic-counter.ts';

describe('TrafficCounter', () => {
  it('counts total, current and last bytes of both directions, and their speed', () => {
    const clock = new VirtualClock();
    const counter = new TrafficCounter({ clock, checkIntervalMs: 500 });
    counter.countRead(100);
    counter.countWritten(50);
    expect([counter.currentReadBytes, counter.lastReadBytes]).toEqual([100, 0]);
    clock.advance(500);
    counter.countRead(7);
    expect([counter.currentReadBytes, counter.lastReadBytes]).toEqual([7, 100]);
    expect([counter.currentWrittenBytes, counter.lastWrittenBytes]).toEqual([0, 50]);
    expect([counter.readBytesPerSecond, counter.writtenBytesPerSecond]).toEqual([200, 100]);
    expect([counter.totalReadBytes, counter.totalWrittenBytes]).toEqual([107, 50]);
  });

  it('gives zero for an interval in which nothing was counted', () => {
    const clock = new VirtualClock();
    const counter = new TrafficCounter({ clock });
    counter.countRead(100);
    clock.advance(2500);
    expect([counter.lastReadBytes, counter.currentReadBytes]).toEqual([0, 0]);
  });

  it('calls back at the end of each interval until it is stopped', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    const counter = new TrafficCounter({
      clock,
      onInterval: (one) => void seen.push(one.lastWrittenBytes),
    });
    counter.countWritten(5);
    clock.advance(1000);
    counter.countWritten(6);
    clock.advance(1000);
    expect(seen).toEqual([5, 6]);
    counter.stop();
    clock.advance(5000);
    expect(seen).toEqual([5, 6]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('needs no timer without a callback', () => {
    const clock = new VirtualClock();
    new TrafficCounter({ clock });
    expect(clock.pendingTimers).toBe(0);
  });
});
