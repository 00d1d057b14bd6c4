import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { redisBus } from '@headrace/bus/redis';
import { type BusBench, BusTest, describeBus } from '@headrace/bus/testing';
import { systemClock } from '@headrace/core';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BusServer, missing, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import { logOf, statesOf } from '../../src/stores/bus-stores.ts';
import { describeStores } from '../../src/testing/index.ts';

const absent = missing(REDIS_SERVER);
let server: BusServer;

describe.runIf(absent === '')(`a real redis-server${absent}`, () => {
  beforeAll(async () => {
    server = await BusServer.start(REDIS_SERVER);
  });

  afterAll(() => server.end());

  const bench: BusBench = {
    name: 'Redis',
    make: () => redisBus({ url: `redis://127.0.0.1:${server?.port ?? 1}` }),
    clock: systemClock,
    pass: (ms) => delay(ms),
    server: {
      kill: () => server.kill(),
      start: () => server.start(),
      stop: () => server.stop(),
      continue: () => server.continue(),
      save: () => server.save(),
      restore: () => server.restore(),
    },
  };
  describeBus({ describe, it, expect }, bench);
  describeStores({ describe, it, expect }, bench);

  function benchOf(at: BusServer, credentials = ''): BusBench {
    return {
      name: 'Redis',
      make: () => redisBus({ url: `redis://${credentials}127.0.0.1:${at.port}` }),
      clock: systemClock,
      pass: (ms) => delay(ms),
      server: at,
    };
  }

  it('wrong credentials are one line without them, and are tried again', async () => {
    const guarded = await BusServer.start(REDIS_SERVER, '--requirepass', 'right');
    const wrong = new BusTest(benchOf(guarded, ':secret@'));
    const none = new BusTest(benchOf(guarded));
    const right = new BusTest(benchOf(guarded, ':right@'));
    try {
      const [one, two] = [wrong.begin(), none.begin()];
      await right.up();
      await wrong.until(() => one.lines.length > 0 && two.lines.length > 0);
      await delay(1500);
      for (const { bus, lines } of [one, two]) {
        expect(bus.state).toBe('down');
        expect(lines.length).toBe(1);
        expect(lines[0]).toMatch(
          /^warn the bus redis:\/\/127.0.0.1:\d+ is down: (WRONGPASS|NOAUTH)/,
        );
        expect(lines.join()).not.toContain('secret');
      }
    } finally {
      for (const test of [wrong, none, right]) await test.end();
      await guarded.end();
    }
  });

  it('a server that was started again uses no offset twice, whatever it lost', async () => {
    // It writes nothing by itself: what comes after SAVE is lost.
    const forgetful = await BusServer.start(REDIS_SERVER, '--appendonly', 'no');
    const test = new BusTest(benchOf(forgetful));
    try {
      const one = await test.up();
      const stream = one.stream('proom');
      await logOf(one.bus)!.open(stream, { messages: 1000, ageMs: 60_000 });
      const kept = await logOf(one.bus)!.append(stream, 'kept', Buffer.from('kept'));
      const client = createClient({ url: `redis://127.0.0.1:${forgetful.port}` });
      await client.connect();
      await client.sendCommand(['SAVE']);
      client.destroy();
      const gone = await logOf(one.bus)!.append(stream, 'gone', Buffer.from('gone'));
      await forgetful.kill();
      await forgetful.start();
      await test.until(() => one.bus.state === 'down' || one.events.length > 1);
      await test.until(() => one.bus.state === 'up');
      const next = await logOf(one.bus)!.append(stream, 'next', Buffer.from('next'));
      expect([kept.offset, gone.offset]).toEqual([1, 2]);
      // The time of the server, in microseconds: it is past all offsets that were lost.
      expect(next.offset).toBeGreaterThan(2 ** 40);
      expect(Number.isSafeInteger(next.offset)).toBe(true);
      // Another run of the server: members with a lost offset are told so, and others go on.
      expect(next.epoch.startsWith(`${kept.epoch}.`)).toBe(true);
      const page = await logOf(one.bus)!.read(stream, 0, 10);
      expect(page.entries.map(({ id, previous }) => [id, previous])).toEqual([
        ['kept', 0],
        ['next', 1],
      ]);
    } finally {
      await test.end();
      await forgetful.end();
    }
  });

  it('a node leaves a master that has become a replica, and finds the new one at the same address', async () => {
    const [old, fresh] = [await BusServer.start(REDIS_SERVER), await BusServer.start(REDIS_SERVER)];
    let master = old;
    const proxy = net.createServer((near) => {
      const far = net.connect(master.port, '127.0.0.1');
      near.pipe(far).pipe(near);
      near.on('error', () => far.destroy());
      far.on('error', () => near.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const tests = [1, 2].map(
      () => new BusTest(benchOf({ port: (proxy.address() as net.AddressInfo).port } as BusServer)),
    );
    const admin = async (server: BusServer, ...words: string[]) => {
      const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
      await client.connect();
      await client.sendCommand(words);
      client.destroy();
    };
    try {
      await admin(fresh, 'REPLICAOF', '127.0.0.1', String(old.port));
      const [one, other] = [await tests[0]!.up(), await tests[1]!.up()];
      const heard: string[] = [];
      other.bus.subscribe(one.stream('plive'), (bytes) => void heard.push(String(bytes)));
      await other.bus.settled();
      const stream = one.stream('proom');
      await logOf(one.bus)!.open(stream, { messages: 1000, ageMs: 60_000 });
      await logOf(one.bus)!.append(stream, 'a', Buffer.from('a'));
      await tests[0]!.until(() => one.bus.state === 'up');
      await admin(old, 'WAIT', '1', '20000');
      await admin(fresh, 'REPLICAOF', 'NO', 'ONE');
      master = fresh;
      await admin(old, 'REPLICAOF', '127.0.0.1', String(fresh.port));
      const begun = Date.now();
      await tests[0]!.until(() => one.events.includes('down') && one.bus.state === 'up');
      await tests[1]!.until(() => other.events.includes('down') && other.bus.state === 'up');
      expect(Date.now() - begun).toBeLessThan(5000);
      await logOf(one.bus)!.append(stream, 'b', Buffer.from('b'));
      one.bus.publish(one.stream('plive'), Buffer.from('to the other'));
      await tests[1]!.until(() => heard.length > 0);
      expect((await logOf(one.bus)!.read(stream, 0, 10)).entries.map(({ id }) => id)).toEqual([
        'a',
        'b',
      ]);
      expect(one.lines.join()).toMatch(/replica/);
    } finally {
      for (const test of tests) await test.end();
      proxy.close();
      await old.end();
      await fresh.end();
    }
  });

  it('a server of a Redis Cluster is refused with words', async () => {
    // By default, the port of the cluster is one of those that outgoing connections get.
    const ports = ['--cluster-port', String(await freePort())];
    const clustered = await BusServer.start(REDIS_SERVER, '--cluster-enabled', 'yes', ...ports);
    const test = new BusTest(benchOf(clustered));
    try {
      const one = test.begin();
      await test.until(() => one.lines.length > 0);
      expect(one.lines[0]).toMatch(/is down: .*Redis Cluster, which redisBus does not support/);
      expect(one.bus.state).toBe('down');
    } finally {
      await test.end();
      await clustered.end();
    }
  });

  it('a stream that somebody else wrote to has another epoch, and takes messages again', async () => {
    const test = new BusTest(benchOf(server));
    const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
    await client.connect();
    try {
      const one = await test.up();
      const log = logOf(one.bus);
      const stream = one.stream('proom');
      await log!.open(stream, { messages: 1000, ageMs: 60_000 });
      const heard: string[] = [];
      log!.follow(stream, ({ id, position }) => heard.push(`${id} ${position.offset}`));
      await one.bus.settled();
      const before = await log!.append(stream, 'a', Buffer.from('a'));
      await client.sendCommand(['XADD', `{${stream}}:log`, '*', 'who', 'knows']);
      expect((await log!.read(stream, 0, 10)).entries.map(({ id }) => id)).toEqual(['a']);
      const ids = ['b', 'c', 'a'];
      const after = await Promise.all(ids.map((id) => log!.append(stream, id, Buffer.from(id))));
      expect(after.map(({ offset }) => offset)).toEqual([1, 2, 3]);
      expect(new Set(after.map(({ epoch }) => epoch)).size).toBe(1);
      expect(after[0]!.epoch === before.epoch).toBe(false);
      expect((await log!.read(stream, 0, 10)).entries.map(({ id }) => id)).toEqual(ids);
      await test.until(() => heard.length === 4);
      expect(heard).toEqual(['a 1', 'b 1', 'c 2', 'a 3']);
      expect(one.lines).toEqual([
        `warn another program wrote to the stream {${stream}}:log in Redis: the log of this group begins again`,
      ]);
    } finally {
      client.destroy();
      await test.end();
    }
  });

  it('a message that is longer than Redis reads fails at once, and stops no other', async () => {
    const small = await BusServer.start(REDIS_SERVER, '--proto-max-bulk-len', '1mb');
    const test = new BusTest(benchOf(small));
    try {
      const one = await test.up();
      const { bus, events } = one;
      const long = Buffer.alloc(1_500_000);
      expect(bus.publish(one.subject('room'), long)).toBe('dropped');
      const [log, state] = [one.stream('proom'), one.state('proom')];
      await logOf(bus)!.open(log, { messages: 100, ageMs: 60_000 });
      const sizes = { keys: 10, bytes: 10_000_000, removals: 10, removalAgeMs: 60_000 };
      await statesOf(bus)!.open(state, sizes);
      const append = (id: string, bytes: Buffer) =>
        logOf(bus)!
          .append(log, id, bytes)
          .then(
            ({ offset }) => offset > 0,
            ({ code }) => code,
          );
      const write = { key: 'a', bytes: long, isRemoval: false, expected: undefined };
      const set = statesOf(bus)!.append(state, 'a', { ...write, byteLength: long.length } as never);
      const isRefused = expect(set).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
      const answers = [
        append('a', Buffer.from('a')),
        append('b', long),
        append('c', Buffer.from('c')),
      ];
      expect(await Promise.all(answers)).toEqual([true, 'HR_ERR_MESSAGE_TOO_LONG', true]);
      await isRefused;
      expect(events).toEqual(['up', 'dropped tooLong']);
    } finally {
      await test.end();
      await small.end();
    }
  });

  it('a page of a log has at most 1 MiB, and at least one message', async () => {
    const test = new BusTest(benchOf(server));
    const one = await test.up();
    const stream = one.stream('proom');
    await logOf(one.bus)!.open(stream, { messages: 1000, ageMs: 60_000 });
    const sizes = [600_000, 600_000, 1_040_000, 10, 20, 1_000_000, ...Array<number>(40).fill(2000)];
    for (const [i, size] of sizes.entries()) {
      await logOf(one.bus)!.append(stream, `m${i}`, Buffer.alloc(size));
    }
    const counts: number[] = [];
    for (let after = 0; after < sizes.length; ) {
      const { entries } = await logOf(one.bus)!.read(stream, after, 256);
      counts.push(entries.length);
      after = entries.at(-1)!.position.offset;
    }
    expect(counts).toEqual([1, 1, 3, 25, 16]);
    expect((await logOf(one.bus)!.read(stream, 6, 20)).entries.length).toBe(20);
    await test.end();
  });

  it('a key space that was lost has another epoch, and ids are new there', async () => {
    const test = new BusTest(benchOf(server));
    const one = await test.up();
    const stream = one.stream('proom');
    await logOf(one.bus)!.open(stream, { messages: 1000, ageMs: 60_000 });
    const before = await logOf(one.bus)!.append(stream, 'a', Buffer.from('a'));
    const client = createClient({ url: `redis://127.0.0.1:${server.port}` });
    await client.connect();
    await client.sendCommand(['FLUSHALL']);
    const after = await logOf(one.bus)!.append(stream, 'a', Buffer.from('a'));
    expect(after.epoch === before.epoch).toBe(false);
    expect((await logOf(one.bus)!.read(stream, 0, 10)).epoch).toBe(after.epoch);
    // Somebody clears the scripts as well.
    await client.sendCommand(['SCRIPT', 'FLUSH']);
    const more = await Promise.all(
      ['b', 'c', 'd'].map((id) => logOf(one.bus)!.append(stream, id, Buffer.from(id))),
    );
    expect(more.map(({ offset }) => offset)).toEqual([2, 3, 4]);
    client.destroy();
    await test.end();
  });
});
