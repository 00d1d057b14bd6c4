import { ChannelPool, type Lease } from '@headrace/client';
import type { MemoryTarget } from '@headrace/core';
import { markPeerLeaving } from '@headrace/core/authoring';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ChannelPoolOptions } from '../../src/pool/pool-options.ts';
import { type LineChannel, MemoryWorld } from '../reconnect/memory-world.ts';

type Options = Partial<ChannelPoolOptions<MemoryTarget, LineChannel>>;
type Pool = ChannelPool<MemoryTarget, LineChannel>;

let world: MemoryWorld;
let made: LineChannel[];
beforeEach(async () => {
  world = new MemoryWorld();
  made = [];
  await world.up('a');
});
afterEach(() => world.end());

function poolOf(options: Options = {}): Pool {
  return new ChannelPool<MemoryTarget, LineChannel>({
    bootstrap: world.bootstrap(),
    place: world.place('a'),
    clock: world.clock,
    onCreated: (channel) => made.push(channel),
    ...options,
  });
}

/** A lease that is there within a moment. */
async function lease(pool: Pool): Promise<Lease<LineChannel>> {
  const acquiring = pool.acquire();
  acquiring.catch(() => {});
  await world.pass(1);
  return acquiring;
}

function outcome(acquiring: Promise<unknown>): { value: string } {
  const found = { value: 'waits' };
  acquiring.then(
    () => (found.value = 'has'),
    (error: { code?: string; message: string }) => (found.value = error.code ?? error.message),
  );
  return found;
}

describe('ChannelPool', () => {
  it('uses the newest idle connection first, or the oldest', async () => {
    for (const order of ['lifo', 'fifo'] as const) {
      const pool = poolOf({ order });
      const [one, two] = [await lease(pool), await lease(pool)];
      const channels = [one.channel, two.channel];
      one.release();
      two.release();
      expect((await lease(pool)).channel).toBe(channels[order === 'lifo' ? 1 : 0]);
      expect(pool.metrics).toMatchObject({ size: 2, idle: 1, leased: 1, created: 2 });
      void pool.close();
    }
  });

  it('does not give out what has closed, is ending, or is sick', async () => {
    let isWell = true;
    const pool = poolOf({ healthCheck: () => isWell, checkOnRelease: false });
    const first = await lease(pool);
    first.channel.close();
    first.release();
    expect(pool.metrics).toMatchObject({ idle: 0, closed: { lost: 1 } });
    const second = await lease(pool);
    second.release();
    expect(pool.metrics.idle).toBe(1);
    isWell = false;
    const third = await lease(pool);
    expect(third.channel).toBe(made[2]);
    expect(pool.metrics.closed.sick).toBe(1);
    third.channel.end();
    third.release();
    expect(pool.metrics.closed.lost).toBe(2);
    isWell = true;
    const fourth = await lease(pool);
    markPeerLeaving(fourth.channel);
    fourth.release();
    expect(pool.metrics).toMatchObject({ idle: 0, closed: { lost: 3 } });
  });

  it('checks what comes back, by a promise too; a throw and no answer mean no', async () => {
    const answers = [
      () => Promise.resolve(true),
      () => Promise.reject(new Error('x')),
      () => new Promise<boolean>(() => {}),
      () => {
        throw new Error('y');
      },
    ];
    let asked = 0;
    const pool = poolOf({ healthCheck: () => answers[asked++]!(), acquireTimeoutMs: 500 });
    const seen: number[] = [];
    for (const _ of answers) {
      const fresh = await lease(pool);
      fresh.release();
      await world.pass(600);
      seen.push(pool.metrics.closed.sick);
      // So that the next lease is a new connection, which nobody has asked about yet.
      for (const channel of made.splice(0)) channel.close();
      await world.pass(1);
    }
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(pool.metrics).toMatchObject({ size: 0, checking: 0 });
  });

  it('refuses a lease that is given back twice, and leaves the connection to its new user', async () => {
    const pool = poolOf();
    const first = await lease(pool);
    first.release();
    const second = await lease(pool);
    expect(() => first.release()).toThrow('given back before');
    expect(() => first.discard()).toThrow('given back before');
    await first[Symbol.asyncDispose]();
    expect(second.channel.isActive).toBe(true);
    expect(pool.metrics).toMatchObject({ leased: 1, idle: 0 });
    second.discard();
    expect(pool.metrics).toMatchObject({ size: 0, closed: { discarded: 1 } });
  });

  it('closes the connection of a task that fails or is aborted, and of a lease without a release', async () => {
    const pool = poolOf({ max: 1 });
    const seen: LineChannel[] = [];
    const use = async (task: () => unknown, signal?: AbortSignal): Promise<unknown> => {
      const using = pool.use((channel) => {
        seen.push(channel);
        return task();
      }, signal && { signal });
      const result = using.catch((error: Error) => error.message);
      await world.pass(1);
      return result;
    };
    expect(await use(() => 'done')).toBe('done');
    expect(await use(async () => 'kept')).toBe('kept');
    expect(seen[1]).toBe(seen[0]);
    const failing = () => {
      throw new Error('no answer');
    };
    expect(await use(failing)).toBe('no answer');
    expect(await use(() => Promise.reject(new Error('late')))).toBe('late');
    const abort = new AbortController();
    const aborted = use(() => new Promise(() => {}), abort.signal);
    await world.pass(1);
    abort.abort(new Error('tired of it'));
    expect(await aborted).toBe('tired of it');
    const unreleased = await lease(pool);
    await unreleased[Symbol.asyncDispose]();
    expect(new Set(seen).size).toBe(3);
    expect(seen.every((channel) => !channel.isOpen)).toBe(true);
    expect(pool.metrics).toMatchObject({ size: 0, closed: { discarded: 4 } });
  });

  it('opens a connection above the limit after the time, and closes what is too much', async () => {
    const pool = poolOf({ max: 1, onTimeout: 'new', acquireTimeoutMs: 1000 });
    const first = await lease(pool);
    const waiting = outcome(pool.acquire());
    await world.pass(999);
    expect(waiting.value).toBe('waits');
    await world.pass(2);
    expect(waiting.value).toBe('has');
    expect(pool.metrics).toMatchObject({ size: 2, leased: 2 });
    first.release();
    expect(pool.metrics).toMatchObject({ size: 1, closed: { excess: 1 } });
  });

  it('calls its hooks; a throw of onAcquired fails that acquire and closes the connection', async () => {
    const calls: string[] = [];
    const pool = poolOf({
      onCreated: () => calls.push('created'),
      onAcquired: () => {
        calls.push('acquired');
        if (calls.length > 5) throw new Error('not this one');
      },
      onReleased: () => calls.push('released'),
    });
    (await lease(pool)).release();
    (await lease(pool)).release();
    await expect(lease(pool)).rejects.toThrow('not this one');
    expect(calls).toEqual(['created', 'acquired', 'released', 'acquired', 'released', 'acquired']);
    expect(pool.metrics).toMatchObject({ size: 0, leased: 0, closed: { discarded: 1 } });
  });

  it('goes on when onAcquired rejects, with a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const onAcquired = (() => Promise.reject(new Error('acquired'))) as never;
    const pool = poolOf({ onAcquired });
    (await lease(pool)).release();
    await new Promise(setImmediate);
    const warnings = warn.mock.calls.map(([warning]) => (warning as Error).message);
    warn.mockRestore();
    expect(warnings).toEqual(['acquired']);
    expect(pool.metrics).toMatchObject({ size: 1, leased: 0 });
  });

  it('goes on when onCreated or onReleased throws, and their channel logs it', async () => {
    const lines: string[] = [];
    const logger = { log: (_level: string, text: string) => void lines.push(text) };
    const fails = (): void => {
      throw new Error('not here');
    };
    const bootstrap = world.bootstrap({ logger });
    const pool = poolOf({ bootstrap, onCreated: fails, onReleased: fails });
    const taken = await lease(pool);
    taken.release();
    expect(lines).toEqual([
      `${taken.channel} onCreated failed: not here`,
      `${taken.channel} onReleased failed: not here`,
    ]);
    expect(pool.metrics).toMatchObject({ size: 1, leased: 0 });
  });

  it('serves those who wait in turn, within a number and a time', async () => {
    const pool = poolOf({ max: 1, maxWaiting: 2, acquireTimeoutMs: 1000 });
    const first = await lease(pool);
    const order: number[] = [];
    const waiting = [1, 2].map((number) =>
      pool.acquire().then((one) => {
        order.push(number);
        return one;
      }),
    );
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'HR_ERR_REJECTED_QUEUE' });
    expect(pool.metrics.waiting).toBe(2);
    first.release();
    (await waiting[0]!).release();
    await waiting[1];
    expect(order).toEqual([1, 2]);
    const late = outcome(pool.acquire());
    await world.pass(1001);
    expect(late.value).toBe('HR_ERR_TIMEOUT_ACQUIRE');
    expect(pool.metrics).toMatchObject({ waiting: 0, leased: 1, size: 1 });
    const now = outcome(poolOf({ max: 1, acquireTimeoutMs: 0 }).acquire());
    await world.pass(1);
    expect(now.value).toMatch(/has|TIMEOUT/);
  });

  it('a failed connect fails one waiting caller, and frees its place for the next', async () => {
    await world.down('a');
    const pool = poolOf({ max: 1 });
    const outcomes = [outcome(pool.acquire()), outcome(pool.acquire())];
    await world.pass(1);
    expect(outcomes.map(({ value }) => value)).toEqual(Array(2).fill('HR_ERR_CHANNEL_REFUSED'));
    expect(pool.metrics).toMatchObject({ size: 0, waiting: 0 });
    const throwing = poolOf({
      min: 2,
      bootstrap: {
        connect: () => {
          throw new Error('at once');
        },
      },
    });
    await expect(throwing.acquire()).rejects.toThrow('at once');
    await throwing.warm();
    await world.up('a');
    await lease(pool);
  });

  it('a closed pool refuses, fails those who wait, and closes what is idle and what comes back', async () => {
    const pool = poolOf({ max: 2 });
    const [one, two] = [await lease(pool), await lease(pool)];
    const waiting = outcome(pool.acquire());
    one.release();
    await world.settle();
    expect(waiting.value).toBe('has');
    const later = outcome(pool.acquire());
    const closing = pool.close();
    await world.pass(2500);
    await closing;
    expect(later.value).toBe('HR_ERR_POOL_CLOSED');
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'HR_ERR_POOL_CLOSED' });
    two.release();
    await world.pass(2500);
    expect(two.channel.isOpen).toBe(false);
    expect(pool.metrics).toMatchObject({ idle: 0, leased: 1, closed: { pool: 1 } });
  });

  it('a wait that was cancelled leaves its connection in the pool', async () => {
    const pool = poolOf();
    const abort = new AbortController();
    const waiting = outcome(pool.acquire({ signal: abort.signal }));
    abort.abort(new Error('not any more'));
    await world.pass(1);
    expect(waiting.value).toBe('not any more');
    expect(pool.metrics).toMatchObject({ idle: 1, leased: 0, waiting: 0 });
    await expect(pool.acquire({ signal: abort.signal })).rejects.toThrow('not any more');
  });

  it('closes what is idle too long, but keeps min; and what is lost while idle', async () => {
    const pool = poolOf({ min: 1, idleMs: 1000 });
    const leases = [await lease(pool), await lease(pool), await lease(pool)];
    for (const one of leases) one.release();
    await world.pass(5000);
    expect(pool.metrics).toMatchObject({ size: 1, closed: { idle: 2 } });
    for (const channel of world.connections('a')) channel.close();
    await world.pass(1);
    expect(pool.metrics).toMatchObject({ size: 1, idle: 1, created: 4, closed: { lost: 1 } });
    void pool.close();
  });

  it('does not use what is too old, or was used too often', async () => {
    const old = poolOf({ maxAgeMs: 1000, idleMs: false });
    (await lease(old)).release();
    await world.pass(1000);
    await lease(old);
    expect(old.metrics).toMatchObject({ created: 2, closed: { worn: 1 } });
    const worn = poolOf({ maxUses: 2 });
    for (let use = 0; use < 4; use++) (await lease(worn)).release();
    expect(worn.metrics).toMatchObject({ created: 2, closed: { worn: 2 } });
  });

  it('opens min connections when it is warmed', async () => {
    const pool = poolOf({ min: 3 });
    const warming = pool.warm();
    await world.pass(1);
    await warming;
    expect(pool.metrics).toMatchObject({ idle: 3, created: 3 });
  });

  it('refuses invalid options', () => {
    expect(() => poolOf({ max: 0 })).toThrow('max is 0');
    expect(() => poolOf({ min: 11 })).toThrow('min is 11');
    expect(() => poolOf({ order: 'filo' as never })).toThrow('order is "filo"');
    expect(() => poolOf({ acquireTimeoutMs: -1 })).toThrow('acquireTimeoutMs is -1');
    expect(() => poolOf({ maxWait: 1 } as never)).toThrow('has no option maxWait');
    expect(() => poolOf({ bootstrap: {} as never })).toThrow(
      'bootstrap is an object, but must be an object with connect(',
    );
  });

  it('never has more than max, never two users of one connection, and settles all who wait', async () => {
    const step = fc.constantFrom(
      'acquire',
      'acquire',
      'release',
      'discard',
      'cut',
      'abort',
      'pass',
      'down',
      'up',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), fc.boolean(), async (steps, checks) => {
        const own = new MemoryWorld();
        await own.up('a');
        let isUp = true;
        const pool = new ChannelPool<MemoryTarget, LineChannel>({
          bootstrap: own.bootstrap(),
          place: own.place('a'),
          clock: own.clock,
          max: 3,
          maxWaiting: 4,
          acquireTimeoutMs: 1000,
          idleMs: 700,
          ...(checks && { healthCheck: () => Promise.resolve(true) }),
        });
        const leases: Lease<LineChannel>[] = [];
        const aborts: AbortController[] = [];
        let [asked, settled] = [0, 0];
        for (const what of steps) {
          if (what === 'acquire') {
            const abort = new AbortController();
            aborts.push(abort);
            asked += 1;
            pool
              .acquire({ signal: abort.signal })
              .then(
                (one) => leases.push(one),
                () => {},
              )
              .finally(() => (settled += 1));
          } else if (what === 'release') leases.shift()?.release();
          else if (what === 'discard') leases.pop()?.discard();
          else if (what === 'cut') own.connections('a')[0]?.abort();
          else if (what === 'abort') aborts.shift()?.abort(new Error('enough'));
          else if (what === 'pass') await own.pass(400);
          else if (what === 'down' && isUp) await own.down('a').then(() => (isUp = false));
          else if (what === 'up' && !isUp) await own.up('a').then(() => (isUp = true));
          await own.settle();
          const { size, idle, leased, connecting, checking } = pool.metrics;
          expect(size).toBe(idle + leased + connecting + checking);
          expect(size).toBeLessThanOrEqual(3);
          expect(leased).toBe(leases.length);
          expect(new Set(leases.map(({ channel }) => channel)).size).toBe(leases.length);
        }
        await own.pass(1500);
        expect(settled).toBe(asked);
        for (const one of leases) one.release();
        void pool.close();
        await own.pass(3000);
        expect(pool.metrics).toMatchObject({ size: 0, waiting: 0 });
        const { created, closed } = pool.metrics;
        expect(Object.values(closed).reduce((sum, count) => sum + count, 0)).toBe(created);
        await own.end();
        expect(own.clock.pendingTimers).toBe(0);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
