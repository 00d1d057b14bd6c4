import type { RejectedError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { ConnectionRateHandler } from '../../src/limit/connection-rate-handler.ts';
import { listeningClock, listeningWith } from './listening.ts';

describe('ConnectionRateHandler', () => {
  it('allows a burst, then perSecond a second', () => {
    const rate = new ConnectionRateHandler({ perSecond: 10, burst: 5 });
    const { accept } = listeningWith(rate);
    const came = (count: number) =>
      Array.from({ length: count }, (_, i) => accept(`10.0.${i}.1`).wasAccepted).filter(Boolean)
        .length;
    expect(came(20)).toBe(5);
    listeningClock.advance(1000);
    expect(came(20)).toBe(5);
    listeningClock.advance(200);
    expect(came(20)).toBe(2);
    expect(rate.refused).toBe(48);
  });

  it('without a rate for each client allows one as many as it likes', () => {
    const rate = new ConnectionRateHandler({
      perSecond: Number.POSITIVE_INFINITY,
      perAddressPerSecond: Number.POSITIVE_INFINITY,
    });
    const { accept } = listeningWith(rate);
    const came = Array.from({ length: 200 }, () => accept('10.0.0.1').wasAccepted);
    expect(came.every(Boolean)).toBe(true);
  });

  it('refuses a burst that would turn a rate off', () => {
    for (const option of ['burst', 'perAddressBurst']) {
      const build = () => new ConnectionRateHandler({ [option]: Number.POSITIVE_INFINITY });
      expect(build).toThrow(`${option} is Infinity`);
    }
  });

  it('refuses a client that comes too fast, and the others do not pay for it', () => {
    const seen: RejectedError[] = [];
    const rate = new ConnectionRateHandler({
      perSecond: 20,
      perAddressPerSecond: 1,
      perAddressBurst: 2,
      onRefused: (child, error) => {
        seen.push(error);
        child.close('refused');
      },
    });
    const { accept } = listeningWith(rate);
    const fast = Array.from({ length: 100 }, () => accept('10.0.0.1').wasAccepted);
    expect(fast.filter(Boolean)).toHaveLength(2);
    const others = Array.from({ length: 18 }, (_, i) => accept(`10.1.0.${i}`).wasAccepted);
    expect(others.every(Boolean)).toBe(true);
    expect(seen[0]).toMatchObject({
      code: 'HR_ERR_REJECTED_RATE',
      message: 'connections from 10.0.0.1 come faster than 1 a second (perAddressPerSecond)',
    });
    listeningClock.advance(1000);
    expect(accept('10.0.0.1').wasAccepted).toBe(true);
    expect(accept('10.0.0.1').wasAccepted).toBe(false);
  });

  it('remembers no more clients than allowed, and none for longer than needed', () => {
    const rate = new ConnectionRateHandler({
      perSecond: 1e6,
      perAddressPerSecond: 1,
      perAddressBurst: 2,
      maxAddresses: 100,
    });
    const { accept } = listeningWith(rate);
    for (let i = 0; i < 1000; i++) accept(`10.0.${i >> 8}.${i & 255}`);
    expect(rate.remembered).toBe(100);
    listeningClock.advance(10_000);
    for (let i = 0; i < 60; i++) accept('10.9.9.9');
    expect(rate.remembered).toBe(1);
  });

  it('refuses invalid rates', () => {
    expect(() => new ConnectionRateHandler({ perSecond: 0 })).toThrow(/perSecond is 0/);
    expect(() => new ConnectionRateHandler({ perAddressBurst: 0 })).toThrow(/perAddressBurst is 0/);
    expect(() => new ConnectionRateHandler({ maxAddresses: 0 })).toThrow(/maxAddresses is 0/);
  });
});
