// States and records in streams with three replicas. Servers before 2.11 check a key of such a stream wrongly.
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { natsBus } from '@headrace/bus/nats';
import { type BenchBus, BusTest } from '@headrace/bus/testing';
import { systemClock } from '@headrace/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import type { StateAnswer, StateLimits } from '../../src/contract/state-log.ts';
import { namesOf } from '../../src/nats/state-names.ts';
import { recordsOf, statesOf } from '../../src/stores/bus-stores.ts';
import { NatsCluster } from '../fixture/nats-cluster.ts';

const absent = missing(NATS_SERVER);
const LIMITS: StateLimits = { keys: 1000, bytes: 1e7, removals: 1000, removalAgeMs: 3_600_000 };
const MAX_TRIES = 60;
let ids = 0;
let cluster: NatsCluster;

beforeAll(async () => {
  if (absent === '') cluster = await NatsCluster.start();
}, 90_000);
afterAll(() => cluster?.end());

/** Three buses, each of which is connected to another server of the cluster. */
async function worldOf(replicas: number) {
  let made = 0;
  const test = new BusTest({
    name: 'NATS',
    make: () => {
      const servers = cluster.ports.map((port) => `nats://127.0.0.1:${port}`);
      const first = made % servers.length;
      made += 1;
      return natsBus({ servers: [...servers.slice(first), ...servers.slice(0, first)], replicas });
    },
    clock: systemClock,
    pass: (ms) => delay(ms),
    server: undefined as never,
  });
  const buses = [await test.up(), await test.up(), await test.up()] as const;
  const stream = buses[0].state('proom');
  for (const { bus } of buses) await patient(() => statesOf(bus)!.open(stream, LIMITS));
  const change = (
    { bus }: BenchBus,
    key: string,
    value: string,
    expected?: number,
  ): Promise<StateAnswer> => {
    ids += 1;
    const bytes = Buffer.from(value);
    const byteLength = Buffer.byteLength(key) + bytes.byteLength;
    const write = { key, bytes, isRemoval: false, expected, byteLength };
    return statesOf(bus)!.append(stream, `change ${ids}`, write);
  };
  const read = () => patient(() => statesOf(buses[0].bus)!.read(stream, 0, 10_000));
  const app = stream.split('.')[1];
  return { test, buses, app, name: namesOf(stream).name, change, read };
}

/** The records of three nodes. Each node appends to what it has read. */
async function recordsWorld(replicas: number) {
  const { test, buses, app } = await worldOf(replicas);
  const stream = `hr.${app}.k.lasting`;
  for (const { bus } of buses) {
    await patient(() => recordsOf(bus)!.open(stream, { keepMs: 3_600_000 }));
  }
  const append = (at: number, key: string, text: string, after?: string, replaces = false) => {
    const bytes = Buffer.from(text);
    return recordsOf(buses[at]!.bus)!.append(stream, { key, bytes, after, replaces });
  };
  const read = async (at: number, key: string) => {
    const found = await recordsOf(buses[at]!.bus)!.read(stream, key);
    return { after: found?.revision, texts: found?.records.map(String) ?? [] };
  };
  return { test, name: `hr_${app}+k+lasting`, append, read };
}

/** Tries again while the servers elect a leader. */
async function patient<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (thrown) {
      if (tries === MAX_TRIES) throw thrown;
      await delay(500);
    }
  }
}

describe.runIf(absent === '')(`states of three servers${absent}`, () => {
  it.each([1, 3])(
    'with %i replicas, one of three nodes that change a key at the same moment has done so',
    async (replicas) => {
      const { test, buses, change, read } = await worldOf(replicas);
      await patient(() => change(buses[0], 'first', '1'));
      const versions = new Map<string, number>();
      let stored = 0;
      for (let round = 0; round < 300; round += 1) {
        // Every third change makes a key.
        const key = `key ${round % 3 === 0 ? round : round % 7}`;
        const expected = versions.get(key) ?? 0;
        const answers = await Promise.all(
          buses.map((one, at) => change(one, key, `${at}`, expected)),
        );
        const positions = answers.flatMap((answer) =>
          'position' in answer ? [answer.position.offset] : [],
        );
        expect(positions).toHaveLength(1);
        versions.set(key, positions[0]!);
        stored += 1;
      }
      expect(stored).toBe(300);
      const { entries } = await read();
      const newest = entries.filter(({ key }) => key !== 'first');
      expect(new Map(newest.map(({ key, position }) => [key, position.offset]))).toEqual(versions);
      await test.end();
    },
    120_000,
  );

  it('loses and repeats no change when the leader is killed', async () => {
    const { test, buses, name, change, read } = await worldOf(3);
    let isOver = false;
    const sums = [0, 0, 0];
    const maybe = [0, 0, 0];
    const writing = buses.map(async (one, at) => {
      let version = 0;
      let present = '';
      while (!isOver) {
        const answer = await change(one, 'sum', `${present}${at}`, version).catch(() => undefined);
        if (answer === undefined) maybe[at]! += 1;
        else if ('position' in answer) {
          sums[at]! += 1;
          present += at;
          version = answer.position.offset;
        } else if ('conflict' in answer) {
          version = answer.conflict?.position.offset ?? 0;
          present = answer.conflict?.bytes.toString() ?? '';
        }
      }
    });
    await expect.poll(() => Math.min(...sums), { timeout: 30_000 }).toBeGreaterThan(3);
    await cluster.killLeaderOf(name);
    const before = [...sums];
    await expect
      .poll(() => Math.min(...sums.map((sum, at) => sum - before[at]!)), { timeout: 60_000 })
      .toBeGreaterThan(3);
    isOver = true;
    await Promise.all(writing);
    await cluster.startKilled();
    let text = '';
    const textOf = async () => {
      const { entries } = await read();
      text = entries.find(({ key }) => key === 'sum')!.bytes.toString();
      return text.length;
    };
    // A leader that was elected a moment ago has not all changes yet.
    const sum = sums.reduce((all, one) => all + one, 0);
    await expect.poll(textOf, { timeout: 30_000 }).toBeGreaterThanOrEqual(sum);
    for (const at of [0, 1, 2]) {
      const count = text.split(`${at}`).length - 1;
      expect(count).toBeGreaterThanOrEqual(sums[at]!);
      expect(count).toBeLessThanOrEqual(sums[at]! + maybe[at]!);
    }
    await test.end();
  }, 180_000);
});

describe.runIf(absent === '')(`records of three servers${absent}`, () => {
  it.each([1, 3])(
    'with %i replicas, one of three nodes that go on with a key at the same moment has it',
    async (replicas) => {
      const { test, append, read } = await recordsWorld(replicas);
      let held = 0;
      for (let round = 0; round < 150; round += 1) {
        const key = `key ${round % 50}`;
        const { after, texts } = await patient(() => read(round % 3, key));
        const isWhole = round % 2 === 0;
        const told = await Promise.all(
          [0, 1, 2].map((at) => append(at, key, `${round} of ${at}`, after, isWhole)),
        );
        const winners = told.flatMap((revision, at) => (revision === undefined ? [] : [at]));
        expect(winners).toHaveLength(1);
        const found = await read((round + 1) % 3, key);
        const own = `${round} of ${winners[0]}`;
        expect(found.texts).toEqual(isWhole ? [own] : [...texts, own]);
        held += 1;
      }
      expect(held).toBe(150);
      await test.end();
    },
    120_000,
  );

  it('goes on with many keys of many nodes at once, each in order', async () => {
    const { test, append, read } = await recordsWorld(3);
    const COUNT = 5;
    await Promise.all(
      [0, 1, 2].flatMap((at) =>
        Array.from({ length: 60 }, async (_, index) => {
          let after: string | undefined;
          for (let i = 0; i < COUNT; i += 1) {
            after = await append(at, `${at}/${index}`, `${i}`, after);
            expect(after).toBeDefined();
          }
        }),
      ),
    );
    const { texts } = await read(2, '0/59');
    expect(texts).toEqual(['0', '1', '2', '3', '4']);
    await test.end();
  }, 120_000);

  it('loses no record and gives no key to two nodes when the leader is killed', async () => {
    const { test, name, append, read } = await recordsWorld(3);
    const stored: string[] = [];
    const maybe: string[] = [];
    let isOver = false;
    let count = 0;
    const writing = [0, 1, 2].map(async (at) => {
      while (!isOver) {
        const text = `${at}.${count}`;
        count += 1;
        try {
          const { after } = await read(at, 'key');
          if ((await append(at, 'key', text, after)) !== undefined) stored.push(text);
        } catch {
          maybe.push(text);
          await delay(50);
        }
      }
    });
    await expect.poll(() => stored.length, { timeout: 30_000 }).toBeGreaterThan(10);
    await cluster.killLeaderOf(name);
    const before = stored.length;
    await expect.poll(() => stored.length - before, { timeout: 60_000 }).toBeGreaterThan(10);
    isOver = true;
    await Promise.all(writing);
    await cluster.startKilled();
    const { texts } = await patient(() => read(0, 'key'));
    const all = new Set(texts);
    expect(all.size).toBe(texts.length);
    expect(stored.filter((text) => !all.has(text))).toEqual([]);
    const known = new Set([...stored, ...maybe]);
    expect(texts.filter((text) => !known.has(text))).toEqual([]);
    await test.end();
  }, 180_000);
});
