// What only a real server shows of the states in Redis: runs, failovers, lost keys, memory, and what stays behind.
import { setTimeout as delay } from 'node:timers/promises';
import { redisBus } from '@headrace/bus/redis';
import { type BenchBus, BusTest } from '@headrace/bus/testing';
import { systemClock } from '@headrace/core';
import { createClient } from '@redis/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BusServer, missing, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import type { StateAnswer, StateLimits, StatePage } from '../../src/contract/state-log.ts';
import { statesOf } from '../../src/stores/bus-stores.ts';

const absent = missing(REDIS_SERVER);
const LIMITS: StateLimits = {
  keys: 100_000,
  bytes: 1024 * 1024,
  removals: 1000,
  removalAgeMs: 60_000,
};

/** One node's link to the state of a test. */
class RedisState {
  readonly one: BenchBus;
  readonly name: string;
  private count = 0;

  private constructor(one: BenchBus, name = one.state('proom')) {
    this.one = one;
    this.name = name;
  }

  static async open(
    test: BusTest,
    { name, ...limits }: Partial<StateLimits> & { readonly name?: string } = {},
  ): Promise<RedisState> {
    const state = new RedisState(await test.up(), name);
    await state.open(limits);
    return state;
  }

  open(limits: Partial<StateLimits> = {}): Promise<void> {
    return statesOf(this.one.bus)!.open(this.name, { ...LIMITS, ...limits });
  }

  /** Sets a key, or removes it with the value `undefined`. */
  change(key: string, value?: string, id?: string): Promise<StateAnswer> {
    this.count += 1;
    const bytes = Buffer.from(value ?? '');
    const byteLength = Buffer.byteLength(key) + bytes.byteLength;
    return statesOf(this.one.bus)!.append(this.name, id ?? `${this.one.subject('')}${this.count}`, {
      ...{ key, bytes, byteLength, isRemoval: value === undefined, expected: undefined },
    });
  }

  async stored(...change: Parameters<RedisState['change']>) {
    const answer = await this.change(...change);
    if ('position' in answer) return answer.position;
    throw new Error(`not stored: ${JSON.stringify(answer)}`);
  }

  page(after = 0, limit = 1000): Promise<StatePage> {
    return statesOf(this.one.bus)!.read(this.name, after, limit);
  }

  /** Returns the texts of all changes, and the epoch. */
  async read(): Promise<{ readonly epoch: string; readonly texts: readonly string[] }> {
    const { epoch, entries } = await this.page();
    const texts = entries.map(({ key, bytes, isRemoval }) =>
      isRemoval ? `-${key}` : `${key}=${bytes}`,
    );
    return { epoch, texts };
  }
}

function testOf(server: { readonly port: number }): BusTest {
  const test = new BusTest({
    name: 'Redis',
    make: () => redisBus({ url: `redis://127.0.0.1:${server.port}` }),
    clock: systemClock,
    pass: (ms) => delay(ms),
    server: {} as never,
  });
  onTestFinished(() => test.end());
  return test;
}

async function started(...more: string[]): Promise<BusServer> {
  const server = await BusServer.start(REDIS_SERVER, ...more);
  onTestFinished(() => server.end());
  return server;
}

async function ask<T = unknown>(server: BusServer, ...words: string[]): Promise<T> {
  const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
  await client.connect();
  try {
    return (await client.sendCommand(words)) as T;
  } finally {
    client.destroy();
  }
}

/** Waits until a bus has lost its link, and has another. */
async function overNewLink(test: BusTest, { one }: RedisState, ups: number): Promise<void> {
  const count = () => one.events.filter((event) => event === 'up').length;
  await test.until(() => count() > ups && one.bus.state === 'up');
}

const upsOf = ({ one }: RedisState) => one.events.filter((event) => event === 'up').length;

describe.runIf(absent === '')(`states in a real redis-server${absent}`, () => {
  it('have another epoch in each run of the server, and in no other case', async () => {
    const server = await started();
    const test = testOf(server);
    const one = await RedisState.open(test);
    const first = await one.stored('a', '1', 'x');
    await ask(server, 'SCRIPT', 'FLUSH');
    await ask(server, 'BGREWRITEAOF');
    const two = await RedisState.open(test);
    expect((await two.stored('b', '1')).epoch).toBe(first.epoch);
    expect((await one.read()).epoch).toBe(first.epoch);
    const ups = [one, two].map(upsOf);
    await server.kill();
    await server.start();
    for (const [i, state] of [one, two].entries()) await overNewLink(test, state, ups[i]!);
    const second = await two.read();
    expect(second.texts).toEqual(['a=1', 'b=1']);
    expect(second.epoch === first.epoch).toBe(false);
    expect((await one.read()).epoch).toBe(second.epoch);
    // The id is known, so nothing is stored twice.
    expect(await one.stored('a', '1', 'x')).toEqual({ epoch: second.epoch, offset: 1 });
    const third = await one.stored('c', '1', 'y');
    expect([third.epoch === second.epoch, third.offset > 2 + 2 ** 20]).toEqual([true, true]);
    expect(await two.stored('c', '1', 'y')).toEqual(third);
    expect((await two.read()).texts).toEqual(['a=1', 'b=1', 'c=1']);
  });

  it('have another epoch when a backup was restored, whose offsets are not used again', async () => {
    const server = await started();
    const test = testOf(server);
    const one = await RedisState.open(test);
    await one.stored('a', '1');
    server.save();
    const gone = [await one.stored('a', '2', 'x')];
    // The same copy again: offsets of the run between are lost, too.
    for (let round = 0; round < 2; round += 1) {
      const ups = upsOf(one);
      await server.kill();
      server.restore();
      await server.start();
      await overNewLink(test, one, ups);
      const { epoch, texts } = await one.read();
      expect([texts, gone.some((its) => its.epoch === epoch)]).toEqual([['a=1'], false]);
      // The change that was lost can be stored again.
      const again = await one.stored('a', '2', 'x');
      expect(again.epoch).toBe(epoch);
      expect(gone.some(({ offset }) => offset === again.offset)).toBe(false);
      gone.push(again);
    }
    expect((await one.page()).entries[0]!.previous).toBe(1);
  });

  it('have another epoch on a replica that took over', async () => {
    const [old, fresh] = [await started(), await started()];
    await ask(fresh, 'REPLICAOF', '127.0.0.1', String(old.port));
    const one = await RedisState.open(testOf(old));
    const first = await one.stored('a', '1', 'x');
    await one.stored('b', '1');
    await one.stored('b');
    const client = createClient({ url: `redis://127.0.0.1:${old.port}` });
    await client.connect();
    await client.sendCommand(['SET', 'mark', '1']);
    await client.sendCommand(['WAIT', '1', '20000']);
    client.destroy();
    await ask(fresh, 'REPLICAOF', 'NO', 'ONE');
    const two = await RedisState.open(testOf(fresh), { name: one.name });
    const { epoch, texts } = await two.read();
    expect([texts, epoch === first.epoch]).toEqual([['a=1', '-b'], false]);
    expect(await two.stored('a', '1', 'x')).toEqual({ epoch, offset: 1 });
  });

  it('begin again with a line when a part of them was lost, and never use an offset twice', async () => {
    const server = await started();
    const one = await RedisState.open(testOf(server));
    const epochs = [(await one.stored('a', '1', 'same')).epoch];
    const parts = ['order', 'notes', 'values', 'removals'];
    for (const [i, part] of parts.entries()) {
      await one.stored('b', '1');
      await one.stored('b');
      const { offset } = await one.stored('c', '1');
      await ask(server, 'DEL', `{${one.name}}:${part}`);
      expect((await one.read()).texts).toEqual([]);
      const { epoch, offset: next } = await one.stored('a', `${i}`, 'same');
      expect(next).toBe(offset + 1);
      epochs.push(epoch);
    }
    // Another program's key of another type.
    await ask(server, 'SET', `{${one.name}}:values`, 'text');
    epochs.push((await one.stored('a', '1')).epoch);
    const warnings = one.one.lines.length;
    expect(one.one.lines).toEqual(
      Array(5).fill(
        `warn a part of the state {${one.name}} in Redis was lost: the state begins again, empty`,
      ),
    );
    // Nothing is left to compare with.
    for (const lost of [['DEL', `{${one.name}}:at`], ['FLUSHALL']]) {
      await ask(server, ...lost);
      expect((await one.read()).texts).toEqual([]);
      const { epoch, offset } = await one.stored('a', '1', 'same');
      expect([offset, one.one.lines.length]).toEqual([1, warnings]);
      epochs.push(epoch);
    }
    expect(new Set(epochs).size).toBe(8);
  });

  it('can be read without memory in a new run, and become smaller', async () => {
    const server = await started();
    const test = testOf(server);
    const one = await RedisState.open(test);
    await one.stored('a', '1');
    await one.stored('b', '1');
    const ups = upsOf(one);
    await server.kill();
    await server.start();
    await overNewLink(test, one, ups);
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '1');
    expect((await one.read()).texts).toEqual(['a=1', 'b=1']);
    await one.stored('a');
    let isStored = false;
    const storing = one.stored('b', '2').then(() => {
      isStored = true;
    });
    await delay(1000);
    expect([isStored, (await one.read()).texts]).toEqual([false, ['b=1', '-a']]);
    await ask(server, 'CONFIG', 'SET', 'maxmemory', '0');
    await storing;
    expect((await one.read()).texts).toEqual(['-a', 'b=2']);
  });

  it('leave nothing behind: no replaced change, no forgotten removal, no id for longer than two minutes', async () => {
    const server = await started();
    const test = testOf(server);
    const one = await RedisState.open(test, { removals: 3 });
    const namesOf = async () => {
      const names = await ask<string[]>(server, 'KEYS', `{${one.name}}:*`);
      const [ids, others] = [true, false].map((isId) =>
        names.filter((name) => name.includes(':i:') === isId),
      );
      return { ids: ids!, others: others!.map((name) => name.split(':').at(-1)).sort() };
    };
    const sizesOf = async () => {
      const [order, notes, values, removals] = await Promise.all([
        ask(server, 'ZCARD', `{${one.name}}:order`),
        ask(server, 'HLEN', `{${one.name}}:notes`),
        ask(server, 'HLEN', `{${one.name}}:values`),
        ask(server, 'ZCARD', `{${one.name}}:removals`),
      ]);
      return [order, notes, values, removals];
    };
    const ttlOf = (name: string) => ask<number>(server, 'PTTL', `{${one.name}}:${name}`);
    for (let i = 0; i < 2000; i++) await one.stored(`k${i % 10}`, `${i}`);
    expect(await sizesOf()).toEqual([10, 10, 10, 0]);
    for (let i = 0; i < 9; i++) await one.stored(`k${i}`);
    expect(await sizesOf()).toEqual([4, 4, 4, 3]);
    const { ids, others } = await namesOf();
    expect(others).toEqual(['at', 'notes', 'order', 'removals', 'values']);
    for (const id of [ids[0]!, ids.at(-1)!]) {
      const ms = await ask<number>(server, 'PTTL', id);
      expect(ms > 0 && ms <= 120_000).toBe(true);
    }
    // With keys, a state stays. Without keys, it goes later than its removals.
    expect(await ttlOf('at')).toBe(-1);
    await one.stored('k9');
    const week = 7 * 24 * 3_600_000;
    for (const name of others) {
      const ms = await ttlOf(name!);
      expect(ms > week && ms <= week + LIMITS.removalAgeMs).toBe(true);
    }
    await one.open({ removals: 0 });
    expect([(await one.page()).floor, ...(await sizesOf())]).toEqual([2010, 0, 0, 0, 0]);
    expect((await namesOf()).others).toEqual(['at']);
    await one.open({ removalAgeMs: Number.POSITIVE_INFINITY });
    await one.stored('a', '1');
    for (const name of ['at', 'order', 'notes', 'values']) expect(await ttlOf(name)).toBe(-1);
  });

  it('cost the same commands with ten keys and with ten thousand', async () => {
    const server = await started();
    const one = await RedisState.open(testOf(server));
    const commands = async () => {
      const stats = await ask<string>(server, 'INFO', 'commandstats');
      const found = [...stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)];
      const own = found.filter(([, name]) => /^(z|h|get|set|del|evalsha|time)/.test(name!));
      return own.reduce((sum, [, , calls]) => sum + Number(calls), 0);
    };
    await one.stored('gone', '1');
    await one.stored('gone');
    const costs: number[][] = [];
    let count = 0;
    for (const keys of [10, 10_000]) {
      while (count < keys) {
        await Promise.all(
          Array.from({ length: Math.min(500, keys - count) }, () => one.stored(`k${count++}`, '1')),
        );
      }
      const cost: number[] = [];
      for (const act of [
        () => one.stored('k5', '2'),
        () => one.stored(`new${keys}`, '1'),
        () => one.stored(`new${keys}`),
        () => one.page(0, 5),
      ]) {
        const before = await commands();
        await act();
        cost.push((await commands()) - before);
      }
      costs.push(cost);
    }
    expect(costs[1]).toEqual(costs[0]);
    expect(Math.max(...costs.flat())).toBeLessThan(30);
  });
});
