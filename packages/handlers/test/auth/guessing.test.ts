import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import type { AuthAttempt, AuthVerdict } from '../../src/auth/auth-options.ts';
import { GuessLimiter, type GuessLimiterOptions } from '../../src/auth/guess-limiter.ts';
import { secretsEqual } from '../../src/auth/secrets-equal.ts';

/** Numbers that are the same in each run. */
function lcg(): () => number {
  let seed = 1;
  return () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed / 2 ** 32;
  };
}

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

  it('is never true without a secret, not even for an empty one', () => {
    expect(secretsEqual('', undefined)).toBe(false);
    expect(secretsEqual('x', undefined)).toBe(false);
    expect(secretsEqual('', '')).toBe(true);
  });
});

type Verdict = AuthVerdict<string, string>;

/** Asks a protected authenticator as the AuthHandlers of many clients do. */
class Guessing {
  readonly clock = new VirtualClock();
  readonly limiter: GuessLimiter;
  /** How many secrets were looked at. */
  checked = 0;
  /** How many secrets a slow authenticator looks at now. */
  underWay = 0;
  private readonly authenticate: (
    words: string,
    attempt: AuthAttempt,
  ) => Verdict | PromiseLike<Verdict>;

  /** Words are an address, a name and a password; a slow authenticator takes a second. */
  constructor(options: GuessLimiterOptions = {}, isSlow = false) {
    const addresses = this.addresses;
    this.limiter = new GuessLimiter({ ...options, clientOf: (channel) => addresses.get(channel) });
    const check = (words: string): Verdict => {
      this.checked += 1;
      const [, name, password] = words.split(' ');
      return password === 'right' ? { principal: name! } : { refused: 'wrong' };
    };
    this.authenticate = this.limiter.protect<string, string, string>(
      (words) => {
        if (!isSlow) return check(words);
        this.underWay += 1;
        return new Promise((resolve) => {
          this.clock.schedule(() => {
            this.underWay -= 1;
            resolve(check(words));
          }, 1000);
        });
      },
      (words) => words.split(' ')[1],
    );
  }

  private readonly addresses = new Map<object, string>();

  /** One try, and what came of it until now. */
  try(words: string): { readonly verdict: () => string; readonly leave: () => void } {
    const channel = EmbeddedChannel.with({ clock: this.clock });
    this.addresses.set(channel, words.split(' ')[0]!);
    const leaving = new AbortController();
    let said = 'waits';
    const heard = (verdict: Verdict): void => {
      if ('principal' in verdict) said = 'in';
      else said = verdict.refused.startsWith('not checked') ? 'not checked' : verdict.refused;
    };
    const answer = this.authenticate(words, { channel, signal: leaving.signal });
    if ('then' in answer) {
      answer.then(heard, () => {
        said = 'left';
      });
    } else heard(answer);
    return { verdict: () => said, leave: () => leaving.abort(new Error('left')) };
  }

  tries(count: number, words: (index: number) => string): string[] {
    return Array.from({ length: count }, (_, index) => this.try(words(index)).verdict());
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      this.clock.advance(Math.min(500, ms - passed));
      await settled();
    }
  }
}

describe('GuessLimiter', () => {
  it('checks some wrong tries at once, and refuses another after a short wait without a look', async () => {
    const guessing = new Guessing();
    expect(guessing.tries(5, () => 'home ann x')).toEqual(Array(5).fill('wrong'));
    const { verdict } = guessing.try('home ann right');
    await guessing.pass(4500);
    expect(verdict()).toBe('waits');
    await guessing.pass(500);
    expect([verdict(), guessing.checked]).toEqual(['not checked', 5]);
  });

  it('forgives with time, and checks a try that waits as soon as there is room', async () => {
    const guessing = new Guessing();
    guessing.tries(5, () => 'home ann x');
    await guessing.pass(27_000);
    const { verdict } = guessing.try('home ann right');
    await guessing.pass(2500);
    expect(verdict()).toBe('waits');
    await guessing.pass(500);
    expect(verdict()).toBe('in');
  });

  it('lets everybody else of an address in at once while one of them guesses for ever', async () => {
    const guessing = new Guessing();
    guessing.tries(10, () => 'office eve x');
    const people = ['ann', 'bob', 'cleo', 'dan', 'eli'];
    for (let second = 0; second < 100; second++) {
      guessing.try('office eve x');
      expect(guessing.tries(5, (index) => `office ${people[index]} right`)).toEqual(
        Array(5).fill('in'),
      );
      await guessing.pass(1000);
    }
  });

  it('lets those in that have signed in from there before, whatever others try', async () => {
    const guessing = new Guessing();
    guessing.try('office ann right');
    for (let second = 0; second < 60; second++) {
      guessing.tries(5, (index) => `office name${second * 5 + index} x`);
      guessing.tries(5, (index) => `bot${second * 5 + index} ann x`);
      await guessing.pass(1000);
    }
    expect(guessing.try('office ann right').verdict()).toBe('in');
    expect(guessing.try('elsewhere ann right').verdict()).toBe('waits');
    expect(guessing.try('office new right').verdict()).toBe('waits');
  });

  it.each([
    ['for one name from one address', () => 'home ann x', 5 + 120],
    ['for all names from one address', (i: number) => `home name${i} x`, 50 + 1200],
    ['for one name from all addresses', (i: number) => `bot${i} ann x`, 50 + 1200],
  ])('checks no more than so many tries an hour %s', async (_what, words, most) => {
    const guessing = new Guessing();
    let tries = 0;
    for (let second = 0; second < 3600; second += 4) {
      guessing.tries(8, () => words(tries++));
      await guessing.pass(4000);
    }
    expect(guessing.checked).toBeLessThanOrEqual(most);
    expect(guessing.checked).toBeGreaterThan(most * 0.98);
  });

  it('counts tries that are being checked, so that many at once do not pass by it', async () => {
    const guessing = new Guessing({}, true);
    for (let i = 0; i < 100; i++) guessing.try('home ann x');
    await guessing.pass(8000);
    expect(guessing.checked).toBe(5);
  });

  it('gives back what right tries took, and those that go away before their answer', async () => {
    const guessing = new Guessing({}, true);
    for (let i = 0; i < 20; i++) {
      const leaving = Array.from({ length: 10 }, () => guessing.try('home ann x'));
      await guessing.pass(500);
      for (const { leave } of leaving) leave();
      await guessing.pass(1000);
    }
    for (let i = 0; i < 20; i++) {
      const { verdict } = guessing.try('home ann right');
      await guessing.pass(1000);
      expect(verdict()).toBe('in');
    }
    expect(guessing.clock.pendingTimers).toBe(0);
  });

  it('counts a try that went away for as long as its secret is looked at', async () => {
    const guessing = new Guessing({}, true);
    for (let i = 0; i < 100; i++) guessing.try('home ann x').leave();
    await guessing.pass(900);
    expect(guessing.underWay).toBe(5);
    await guessing.pass(600);
    const { verdict } = guessing.try('home ann right');
    await guessing.pass(1000);
    expect(verdict()).toBe('in');
  });

  it.each(['throws', 'rejects'])(
    'an authenticator that %s has found no wrong secret',
    async (how) => {
      const limiter = new GuessLimiter({ clientOf: () => 'one' });
      let asked = 0;
      const authenticate = limiter.protect<string, string>(
        () => {
          asked += 1;
          if (how === 'throws') throw new Error('down');
          return Promise.reject(new Error('down'));
        },
        () => 'ann',
      );
      const attempt = { channel: new EmbeddedChannel(), signal: new AbortController().signal };
      let failed = 0;
      for (let i = 0; i < 60; i++) {
        new Promise((resolve) => resolve(authenticate('x', attempt))).catch(() => {
          failed += 1;
        });
        await settled();
      }
      expect([failed, asked, limiter.remembered]).toEqual([60, 60, 0]);
    },
  );

  it.each([5, null, {}, ['ann']])('counts the address alone for the name %j', (name) => {
    const limiter = new GuessLimiter({ clientOf: () => 'one' });
    const authenticate = limiter.protect(
      () => ({ refused: 'wrong' }),
      () => name as never,
    );
    const attempt = { channel: new EmbeddedChannel(), signal: new AbortController().signal };
    const answers = Array.from({ length: 51 }, () => authenticate('x', attempt));
    expect(answers.map((answer) => 'then' in answer)).toEqual([...Array(50).fill(false), true]);
  });

  it('right tries of others do not make it forget a guesser', async () => {
    const guessing = new Guessing({ maxClients: 10, forgiveEveryMs: 1e9 });
    guessing.tries(5, () => 'home ann x');
    for (let i = 0; i < 100; i++) guessing.try(`place${i} name${i} right`);
    expect(guessing.try('home ann right').verdict()).toBe('waits');
    expect(guessing.limiter.remembered).toBe(2);
  });

  it('tries for many names do not make it forget the addresses', async () => {
    const guessing = new Guessing({ maxClients: 10, forgiveEveryMs: 1e9, sharedFactor: 1 });
    guessing.tries(5, () => 'home ann x');
    for (let i = 0; i < 30; i++) guessing.try(`bot${i % 9} name${i} x`);
    expect(guessing.try('home other right').verdict()).toBe('waits');
  });

  it('gives a wrong try back no more when its connection goes after the answer', async () => {
    const guessing = new Guessing({}, true);
    for (let i = 0; i < 5; i++) {
      const { leave } = guessing.try('home ann x');
      await guessing.pass(1000);
      leave();
    }
    const { verdict } = guessing.try('home ann right');
    await guessing.pass(2000);
    expect(verdict()).toBe('waits');
  });

  it('gives a right try back once only, even when it goes away before its answer', async () => {
    const guessing = new Guessing({ forgiveEveryMs: 1e9 }, true);
    guessing.tries(4, () => 'home ann x');
    const { leave } = guessing.try('home ann right');
    await guessing.pass(500);
    leave();
    await guessing.pass(500);
    guessing.tries(2, () => 'home ann x');
    await guessing.pass(1000);
    expect(guessing.checked).toBe(6);
  });

  it('is not fed by those who wait: none of them waits longer for the others', async () => {
    const guessing = new Guessing();
    guessing.tries(50, (index) => `office name${index} x`);
    for (let i = 0; i < 200; i++) guessing.try('office eve x').leave();
    const { verdict } = guessing.try('office ann right');
    await guessing.pass(3000);
    expect(verdict()).toBe('in');
  });

  it('gives a new user at an address an equal chance while others guess many names there', async () => {
    const guessing = new Guessing({ random: lcg() });
    let names = 0;
    let trying = guessing.try('office ann right');
    guessing.tries(50, () => `office name${names++} x`);
    const waited: number[] = [];
    let since = 0;
    for (let ms = 0; ms < 3_600_000; ms += 500) {
      // Two new guesses a second: ten of them wait at a time, and one is there whenever a try is allowed.
      guessing.try(`office name${names++} x`);
      if (trying.verdict() === 'in') {
        waited.push(ms - since);
        since = ms;
      }
      if (trying.verdict() !== 'waits') trying = guessing.try(`office new${names++} right`);
      await guessing.pass(500);
    }
    const mean = waited.reduce((sum, each) => sum + each, 0) / waited.length;
    expect(waited.length).toBeGreaterThan(60);
    expect(mean).toBeLessThan(60_000);
    expect(Math.max(...waited)).toBeLessThan(300_000);
    expect(guessing.checked).toBeLessThanOrEqual(50 + 1200 + waited.length + 1);
  });

  it('a try that comes takes none for which another one waits', async () => {
    const options = { freeTries: 1, sharedFactor: 1, forgiveEveryMs: 2700, random: () => 0 };
    const guessing = new Guessing(options);
    guessing.try('office first x');
    const waiting = guessing.try('office ann right');
    // A try is allowed again, and the one that waits has not looked yet.
    await guessing.pass(2800);
    const comes = guessing.try('office bob x');
    expect([waiting.verdict(), comes.verdict(), guessing.checked]).toEqual(['waits', 'waits', 1]);
    await guessing.pass(200);
    expect(waiting.verdict()).toBe('in');
  });

  it('takes no share that is used up for a try whose own share allows it again', async () => {
    const guessing = new Guessing({ freeTries: 1, sharedFactor: 1, forgiveEveryMs: 2700 });
    guessing.try('office ann x');
    await guessing.pass(100);
    // It waits for its own share, and the address has none either.
    const waiting = guessing.try('office ann right');
    await guessing.pass(2650);
    guessing.try('office bob x');
    await guessing.pass(500);
    expect([waiting.verdict(), guessing.checked]).toEqual(['waits', 2]);
  });

  it('lets in as many of those that wait as their share allows', async () => {
    const guessing = new Guessing({ random: lcg() }, true);
    const tries = Array.from({ length: 120 }, (_, i) => guessing.try(`office user${i} right`));
    for (let ms = 0; ms < 6000; ms += 100) await guessing.pass(100);
    expect(tries.filter(({ verdict }) => verdict() === 'in').length).toBe(120);
  });

  it('delays no try if the share is enough for all', async () => {
    const guessing = new Guessing({ random: lcg() });
    for (let i = 0; i < 50; i++) guessing.try(`bot${i} ann x`);
    await guessing.pass(2900);
    for (let i = 0; i < 20; i++) guessing.try(`late${i} ann x`);
    // A try for her name is allowed now, and others wait for it.
    await guessing.pass(200);
    const ann = guessing.try('office ann right');
    await settled();
    expect(ann.verdict()).toBe('waits');
    const others = Array.from({ length: 100 }, (_, i) => guessing.try(`office user${i} right`));
    await settled();
    expect(others.filter(({ verdict }) => verdict() === 'in').length).toBe(100);
  });

  it('counts the tries of a client alone where there is no name', () => {
    const limiter = new GuessLimiter({ clientOf: () => 'one' });
    const authenticate = limiter.protect(() => ({ refused: 'wrong' }));
    const attempt = { channel: new EmbeddedChannel(), signal: new AbortController().signal };
    const answers = Array.from({ length: 51 }, () => authenticate('x', attempt));
    expect(answers.map((answer) => 'then' in answer)).toEqual([...Array(50).fill(false), true]);
  });

  it('remembers no more clients and names than allowed, those seen last', async () => {
    const guessing = new Guessing({ freeTries: 1, maxClients: 100, forgiveEveryMs: 1e9 });
    for (let i = 0; i < 1000; i++) {
      guessing.try(`bot${i} name${i} x`);
      if (i % 100 === 0) guessing.tries(10, (index) => `home name${index} x`);
    }
    expect(guessing.limiter.remembered).toBe(200);
    expect(guessing.try('home other right').verdict()).toBe('waits');
  });

  const check = (token: string) =>
    token === 'right' ? { principal: 'ann' } : { refused: 'wrong', reply: 'NO' };
  const options: GuessLimiterOptions = {
    freeTries: 1,
    sharedFactor: 1,
    forgiveEveryMs: 3000,
    clientOf: () => 'one',
  };

  it('makes the AuthHandler of a client that guessed wrong wait', async () => {
    const clock = new VirtualClock();
    const limiter = new GuessLimiter(options);
    const authenticate = limiter.protect(check);
    const channel = EmbeddedChannel.with(
      { clock },
      new AuthHandler({ authenticate, refusalPolicy: 'stay', replies: { accepted: () => 'YES' } }),
    );
    channel.writeInbound('wrong 1');
    expect(channel.readOutbound()).toBe('NO');
    channel.writeInbound('right');
    for (let ms = 0; ms < 2500; ms += 500) {
      clock.advance(500);
      await settled();
    }
    expect(channel.readOutbound()).toBeUndefined();
    clock.advance(500);
    await settled();
    expect(channel.readOutbound()).toBe('YES');
  });

  it('leaves no timer behind when the peer goes while it waits', async () => {
    const limiter = new GuessLimiter(options);
    const authenticate = limiter.protect(check);
    new EmbeddedChannel(new AuthHandler({ authenticate })).writeInbound('wrong');
    const channel = new EmbeddedChannel(new AuthHandler({ authenticate }));
    channel.writeInbound('right');
    expect(channel.clock.deadlines.size).toBe(2);
    channel.run(() => void channel.close());
    await settled();
    expect([channel.clock.deadlines.size, channel.clock.pendingTimers]).toEqual([0, 0]);
  });

  it('refuses settings that are not valid', () => {
    expect(() => new GuessLimiter({ maxDelayMs: 0 })).toThrow(/maxDelayMs is 0/);
    expect(() => new GuessLimiter({ maxClients: 0.5 })).toThrow(/maxClients is 0.5/);
    expect(() => new GuessLimiter({ freeTries: 0 })).toThrow(/freeTries is 0/);
  });
});
