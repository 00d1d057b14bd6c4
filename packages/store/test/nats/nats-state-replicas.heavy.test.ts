// States in streams with three replicas. Servers before 2.11 check a key of such a stream wrongly.
import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { natsBus } from '@headrace/bus/nats';
import { type BenchBus, BusTest } from '@headrace/bus/testing';
import { systemClock } from '@headrace/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import type { StateAnswer, StateLimits } from '../../src/contract/state-log.ts';
import { statesOf } from '../../src/stores/bus-stores.ts';
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
  return { test, buses, name: `hr_${stream.split('.')[1]}+proom`, change, read };
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
