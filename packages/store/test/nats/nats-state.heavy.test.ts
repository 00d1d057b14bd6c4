import { Buffer } from 'node:buffer';
import { setTimeout as delay } from 'node:timers/promises';
import { natsBus } from '@headrace/bus/nats';
import { type BenchBus, BusTest } from '@headrace/bus/testing';
import { systemClock } from '@headrace/core';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { BusServer, missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import type { StateAnswer, StateLimits } from '../../src/contract/state-log.ts';
import { namesOf } from '../../src/nats/state-names.ts';
import { statesOf } from '../../src/stores/bus-stores.ts';

const absent = missing(NATS_SERVER);
const LIMITS: StateLimits = { keys: 1000, bytes: 1e7, removals: 1000, removalAgeMs: 3_600_000 };
let ids = 0;

/** A server of its own, with buses that have one state. */
async function worldOf(count: number, limits: Partial<StateLimits> = {}) {
  const server = await BusServer.start(NATS_SERVER);
  const make = () => natsBus({ servers: `nats://127.0.0.1:${server.port}` });
  const test = new BusTest({
    name: 'NATS',
    make,
    clock: systemClock,
    pass: (ms) => delay(ms),
    server,
  });
  const buses = await Promise.all(Array.from({ length: count }, () => test.up()));
  const stream = buses[0]!.state('proom');
  for (const { bus } of buses) await statesOf(bus)!.open(stream, { ...LIMITS, ...limits });
  const change = (
    { bus }: BenchBus,
    key: string,
    value: string | undefined,
    expected?: number,
  ): Promise<StateAnswer> => {
    ids += 1;
    const bytes = Buffer.from(value ?? '');
    const byteLength = Buffer.byteLength(key) + bytes.byteLength;
    const write = { key, bytes, isRemoval: value === undefined, expected, byteLength };
    return statesOf(bus)!.append(stream, `change ${ids}`, write);
  };
  const read = ({ bus }: BenchBus, after = 0) => statesOf(bus)!.read(stream, after, 10_000);
  /** Reads again after the loss of the link. */
  const readAgain = async (one: BenchBus) => {
    for (;;) {
      await test.until(() => one.bus.state === 'up');
      const page = await read(one).catch(() => undefined);
      if (page !== undefined) return page;
    }
  };
  const manage = async <T>(
    use: (
      streams: Awaited<ReturnType<typeof jetstreamManager>>['streams'],
      name: string,
    ) => Promise<T>,
  ): Promise<T> => {
    const connection = await connect({ servers: `nats://127.0.0.1:${server.port}` });
    const { streams } = await jetstreamManager(connection);
    const result = await use(streams, namesOf(stream).name);
    await connection.close();
    return result;
  };
  const end = async () => {
    await test.end();
    await server.end();
  };
  return { server, test, buses, stream, change, read, readAgain, manage, end };
}

describe.runIf(absent === '')(`states in a real nats-server${absent}`, () => {
  it('many writers at once exceed a limit by a key of each but one, and a writer that never stops lets others write', async () => {
    const { buses, change, read, end } = await worldOf(6, { keys: 50 });
    const [busy, ...others] = buses;
    for (let i = 0; i < 20; i++) await change(busy!, `busy ${i}`, 'x');
    let isOver = false;
    let count = 0;
    const writing = (async () => {
      while (!isOver) {
        await Promise.all(
          Array.from({ length: 20 }, (_, i) => change(busy!, `busy ${i}`, `${count}`)),
        );
        count += 20;
      }
    })();
    const answers = await Promise.all(
      others.flatMap((one, at) =>
        Array.from({ length: 40 }, (_, i) => change(one, `key ${at}-${i}`, 'x')),
      ),
    );
    isOver = true;
    await writing;
    const { entries } = await read(busy!);
    const stored = answers.filter((answer) => 'position' in answer).length;
    expect(entries.length).toBe(20 + stored);
    // A node that has seen room for 30 keys adds one, and looks again. So each node but one can add a key too many.
    expect(stored).toBeGreaterThanOrEqual(30);
    expect(stored).toBeLessThanOrEqual(30 + others.length - 1);
    const full = answers.filter((answer) => 'full' in answer && answer.full === 'keys').length;
    expect(full).toBe(200 - stored);
    await end();
  });

  it('changes without an answer of a server that was killed are stored once, though other nodes replaced them', async () => {
    const { server, test, buses, change, read, end } = await worldOf(3);
    const sums = [0, 0, 0];
    let kills = 0;
    const killing = (async () => {
      for (; kills < 4; kills += 1) {
        await delay(400);
        await server.kill();
        await server.start();
        await test.until(() => buses.every(({ bus }) => bus.state === 'up'));
      }
    })();
    // Each node appends its numbers to one text of all, so a change that is stored twice or lost is seen.
    let text = '';
    const writing = buses.map(async (one, at) => {
      let version = 0;
      let present = '';
      while (kills < 4) {
        const answer = await change(one, 'sum', `${present}${at}`, version);
        if ('position' in answer) {
          sums[at]! += 1;
          present += at;
          version = answer.position.offset;
        } else if ('conflict' in answer) {
          version = answer.conflict!.position.offset;
          present = answer.conflict!.bytes.toString();
        }
        await change(one, `own ${at}`, `${sums[at]}`);
      }
    });
    await Promise.all([...writing, killing]);
    for (const { key, bytes } of (await read(buses[0]!)).entries) {
      if (key === 'sum') text = bytes.toString();
      else expect(bytes.toString()).toBe(`${sums[Number(key.slice(4))]}`);
    }
    expect(sums).toEqual([0, 1, 2].map((at) => text.split(`${at}`).length - 1));
    await end();
  });

  it('the server keeps no replaced change, and no removal that is forgotten', async () => {
    const { buses, change, read, manage, end } = await worldOf(2, { removals: 5 });
    for (let i = 0; i < 300; i++) {
      const one = buses[i % 2]!;
      await change(one, `key ${i % 30}`, `${i}`);
      if (i % 3 === 0) await change(one, `key ${i % 30}`, undefined);
    }
    const { entries, floor, last } = await read(buses[0]!);
    expect(entries.filter(({ isRemoval }) => isRemoval).length).toBe(5);
    expect(floor > 0 && floor < last).toBe(true);
    await expect
      .poll(() => manage((streams, name) => streams.info(name).then(({ state }) => state.messages)))
      .toBe(entries.length + 1);
    await end();
  });

  it('removals without a place in the state leave nothing but the floor', async () => {
    const { buses, change, read, manage, end } = await worldOf(1, { removals: 0 });
    for (let i = 0; i < 20; i++) {
      await change(buses[0]!, `key ${i}`, '1');
      await change(buses[0]!, `key ${i}`, undefined);
    }
    // The floor is the newest message.
    const newest = async () => {
      const { entries, floor, last } = await read(buses[0]!);
      return [entries.length, last - floor];
    };
    await expect.poll(newest).toEqual([0, 1]);
    await expect
      .poll(() => manage((streams, name) => streams.info(name).then(({ state }) => state.messages)))
      .toBe(1);
    await end();
  });

  it('a state without keys leaves nothing in its stream, and other states of the stream stay', async () => {
    const { buses, stream, change, read, manage, end } = await worldOf(2, { removalAgeMs: 300 });
    const [one, two] = buses;
    const { name, bucket } = namesOf(stream);
    const other = Array.from({ length: 4096 }, (_, i) => `${stream}${i}`).find(
      (each) => namesOf(each).bucket === bucket,
    )!;
    const live: string[] = [];
    const states = statesOf(two!.bus)!;
    await states.open(other, { ...LIMITS, removalAgeMs: 300 });
    states.follow(other, ({ key, bytes }) => live.push(`${key}=${bytes}`));
    states.follow(stream, () => {});
    const both = [1, 2, 3].map(async (i) => {
      await change(one!, 'a', `${i}`);
      const write = { key: 'b', bytes: Buffer.from(`${i}`), isRemoval: false, byteLength: 2 };
      await states.append(other, `own ${i}`, { ...write, expected: undefined });
    });
    await Promise.all(both);
    await change(two!, 'a', undefined);
    const subjects = () => manage((all) => all.info(name, { subjects_filter: '>' }));
    const left = [`${namesOf(other).subject}.pb`, namesOf(other).floorSubject];
    await expect
      .poll(async () => Object.keys((await subjects()).state.subjects ?? {}).sort())
      .toEqual(left.sort());
    expect(live.at(-1)).toBe('b=3');
    expect((await read(one!)).entries).toEqual([]);
    await change(one!, 'a', '2');
    expect((await read(two!)).entries.map(({ bytes }) => `${bytes}`)).toEqual(['2']);
    await end();
  });

  it('a state that an operator has purged is read again by a node that knows its end', async () => {
    const { buses, stream, change, read, manage, end } = await worldOf(2);
    const { subject, name } = namesOf(stream);
    await change(buses[0]!, 'a', '1');
    const before = await read(buses[1]!);
    await manage((streams) => streams.purge(name, { filter: `${subject}.*` }));
    const empty = await read(buses[1]!, before.last);
    expect([empty.entries.length, empty.epoch === before.epoch]).toEqual([0, false]);
    const answer = await change(buses[0]!, 'a', '2');
    const page = await read(buses[1]!);
    expect(answer).toEqual({ position: { epoch: page.epoch, offset: page.last } });
    await end();
  });

  it.each(['purged', 'deleted'])('a stream that was %s has another epoch', async (how) => {
    const { test, buses, change, read, readAgain, manage, end } = await worldOf(2, { keys: 3 });
    for (const key of ['a', 'b', 'c']) await change(buses[0]!, key, '1');
    const before = await read(buses[1]!);
    await manage(async (streams, name) => {
      if (how === 'purged') await streams.purge(name);
      else await streams.delete(name);
    });
    await read(buses[1]!).catch(() => {});
    if (how === 'deleted') {
      await test.until(() => buses[1]!.events.length > 1 && buses[1]!.bus.state === 'up');
    }
    const after = await readAgain(buses[1]!);
    expect([after.entries.length, after.epoch === before.epoch]).toEqual([0, false]);
    // The keys that are gone are not counted.
    for (const key of ['d', 'e', 'f'])
      expect(await change(buses[0]!, key, '1')).toHaveProperty('position');
    expect(await change(buses[1]!, 'g', '1')).toEqual({ full: 'keys', size: 3 });
    await end();
  });

  it('a stream that was restored has another epoch, and counts what it has', async () => {
    const { server, test, buses, change, read, readAgain, end } = await worldOf(1, { keys: 2 });
    const [one] = buses;
    await change(one!, 'a', '1');
    await server.kill();
    server.save();
    await server.start();
    await test.until(() => one!.bus.state === 'up');
    await change(one!, 'b', '1');
    const before = await read(one!);
    await server.kill();
    server.restore();
    await server.start();
    await test.until(() => one!.bus.state === 'up');
    const after = await readAgain(one!);
    const stream = before.epoch.slice(0, before.epoch.lastIndexOf('.'));
    expect(after.epoch.startsWith(`${stream}-`)).toBe(true);
    expect(after.entries.map(({ key }) => key)).toEqual(['a']);
    expect(await change(one!, 'c', '1')).toHaveProperty('position');
    expect(await change(one!, 'd', '1')).toEqual({ full: 'keys', size: 2 });
    await end();
  });

  it('keys of every kind are different', async () => {
    const { buses, change, read, end } = await worldOf(1);
    const keys = [
      'a.b',
      'a b',
      '*',
      '>',
      '\0',
      'p',
      'b',
      'é',
      '💧',
      '\ud83d',
      '\ude00',
      'ab',
      'x'.repeat(1024),
      '.'.repeat(1024),
    ];
    for (const key of keys) await change(buses[0]!, key, key.slice(0, 3));
    expect((await read(buses[0]!)).entries.map(({ key }) => key)).toEqual(keys);
    await end();
  });
});
