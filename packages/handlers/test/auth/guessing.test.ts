import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import { GuessLimiter, type GuessLimiterOptions } from '../../src/auth/guess-limiter.ts';
import { secretsEqual } from '../../src/auth/secrets-equal.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('secretsEqual', () => {
  it('is true for the same secret and for no other, whatever their lengths', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(secretsEqual(one, other)).toBe(Buffer.from(one).equals(Buffer.from(other)));
        expect(secretsEqual(one, Buffer.from(one))).toBe(true);
      }),
    );
  });

  it('is never true where there is no secret, not even for an empty one', () => {
    expect(secretsEqual('', undefined)).toBe(false);
    expect(secretsEqual('x', undefined)).toBe(false);
    expect(secretsEqual('', '')).toBe(true);
  });
});

describe('GuessLimiter', () => {
  it('lets some tries free, then makes each wait twice as long, up to a maximum', () => {
    const limiter = new GuessLimiter({ freeTries: 2, delayMs: 100, maxDelayMs: 400 });
    let now = 0;
    const waits = Array.from({ length: 7 }, () => {
      const waitMs = limiter.begin('10.0.0.1', now);
      now += waitMs;
      return waitMs;
    });
    expect(waits).toEqual([0, 0, 100, 200, 400, 400, 400]);
    expect(limiter.begin('10.0.0.2', now)).toBe(0);
  });

  it('makes tries that come at once wait one after the other', () => {
    const limiter = new GuessLimiter({ freeTries: 1, delayMs: 100, maxDelayMs: 100 });
    const waits = Array.from({ length: 4 }, () => limiter.begin('10.0.0.1', 0));
    expect(waits).toEqual([0, 100, 200, 300]);
  });

  it('does not count right tries, and forgives wrong ones with time', () => {
    const limiter = new GuessLimiter({ freeTries: 1, delayMs: 100, forgiveEveryMs: 1000 });
    for (let i = 0; i < 10; i++) {
      expect(limiter.begin('10.0.0.1', 0)).toBe(0);
      limiter.right('10.0.0.1');
    }
    expect(limiter.remembered).toBe(0);
    limiter.begin('10.0.0.1', 0);
    expect(limiter.begin('10.0.0.1', 0)).toBe(100);
    expect(limiter.begin('10.0.0.1', 2000)).toBe(0);
  });

  it('remembers no more clients than allowed, those seen last', () => {
    const limiter = new GuessLimiter({ freeTries: 0, maxClients: 100 });
    for (let i = 0; i < 1000; i++) {
      limiter.begin(`10.0.0.${i}`, 0);
      limiter.begin('10.9.9.9', 0);
    }
    expect(limiter.remembered).toBe(100);
    expect(limiter.begin('10.9.9.9', 0)).toBeGreaterThan(500);
  });

  const options: GuessLimiterOptions = { freeTries: 1, delayMs: 3000, clientOf: () => 'one' };
  const check = (token: string) =>
    token === 'right' ? { principal: 'ann' } : { refused: 'wrong', reply: 'NO' };

  it('makes the AuthHandler of a client that guessed wrong wait', async () => {
    const clock = new VirtualClock();
    const limiter = new GuessLimiter(options);
    const authenticate = limiter.protect(check);
    const connect = () =>
      EmbeddedChannel.with(
        { clock },
        new AuthHandler({
          authenticate,
          refusalPolicy: 'stay',
          replies: { accepted: () => 'YES' },
        }),
      );
    const channel = connect();
    channel.writeInbound('wrong 1');
    expect(channel.readOutbound()).toBe('NO');
    channel.writeInbound('right');
    clock.advance(2999);
    await settled();
    expect(channel.readOutbound()).toBeUndefined();
    clock.advance(1);
    await settled();
    expect(channel.readOutbound()).toBe('YES');
    expect(connect().clock.pendingTimers).toBeGreaterThan(0);
  });

  it('leaves no timer behind when the peer goes while it waits', async () => {
    const limiter = new GuessLimiter({ ...options, freeTries: 0 });
    const channel = new EmbeddedChannel(new AuthHandler({ authenticate: limiter.protect(check) }));
    channel.writeInbound('right');
    channel.run(() => void channel.close());
    await settled();
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('refuses what makes no sense', () => {
    expect(() => new GuessLimiter({ delayMs: 0 })).toThrow(/delayMs is 0/);
    expect(() => new GuessLimiter({ maxClients: 0.5 })).toThrow(/maxClients is 0.5/);
  });
});
