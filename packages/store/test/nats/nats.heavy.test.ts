import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type NatsBusOptions, natsBus } from '@headrace/bus/nats';
import { type BusBench, BusTest, describeBus } from '@headrace/bus/testing';
import { systemClock } from '@headrace/core';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BusServer, missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { logOf, statesOf } from '../../src/stores/bus-stores.ts';
import { describeStores } from '../../src/testing/index.ts';

const absent = missing(NATS_SERVER);
let server: BusServer;

describe.runIf(absent === '')(`a real nats-server${absent}`, () => {
  beforeAll(async () => {
    server = await BusServer.start(NATS_SERVER);
  });

  afterAll(() => server.end());

  const bench: BusBench = {
    name: 'NATS',
    make: () => natsBus({ servers: `nats://127.0.0.1:${server?.port ?? 1}` }),
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

  function benchOf(at: () => BusServer, options: Partial<NatsBusOptions> = {}): BusBench {
    return {
      name: 'NATS',
      make: () => natsBus({ servers: `nats://127.0.0.1:${at().port}`, ...options }),
      clock: systemClock,
      pass: (ms) => delay(ms),
      server: at(),
    };
  }

  it('wrong credentials are one line without them, and are tried again', async () => {
    const guarded = await BusServer.start(NATS_SERVER, '--user', 'u', '--pass', 'right');
    const wrong = new BusTest(benchOf(() => guarded, { user: 'u', pass: 'secret' }));
    const servers = `nats://u:right@127.0.0.1:${guarded.port}`;
    const right = new BusTest(benchOf(() => guarded, { servers }));
    try {
      const one = wrong.begin();
      await right.up();
      await wrong.until(() => one.lines.length > 0);
      await delay(1500);
      expect(one.bus.state).toBe('down');
      expect(one.lines.length).toBe(1);
      expect(one.lines[0]).toMatch(/^warn the bus nats:\/\/127.0.0.1:\d+ is down: .*uthorization/);
      expect(one.lines.join()).not.toContain('secret');
    } finally {
      await wrong.end();
      await right.end();
      await guarded.end();
    }
  });

  it('a silent server delays a node only for its share of the time', async () => {
    const silent = net.createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as net.AddressInfo;
    const servers = [port, server.port].map((each) => `nats://127.0.0.1:${each}`);
    const tests = Array.from({ length: 6 }, () => {
      return new BusTest({ ...benchOf(() => server), make: () => natsBus({ servers }) });
    });
    try {
      const begun = Date.now();
      const buses = tests.map((test) => test.begin());
      await tests[0]!.until(() => buses.every(({ bus }) => bus.state === 'up'));
      expect(Date.now() - begun).toBeLessThan(4500);
    } finally {
      for (const test of tests) await test.end();
      silent.close();
    }
  });

  it('a stream that has lost its newest messages has another epoch, also for a node that has seen less', async () => {
    const own = await BusServer.start(NATS_SERVER);
    const tests = [1, 2].map(() => new BusTest(benchOf(() => own)));
    try {
      const [one, other] = [await tests[0]!.up(), await tests[1]!.up()];
      const stream = one.stream('proom');
      const limits = { messages: 1000, ageMs: 60_000 };
      const append = (id: string) => logOf(one.bus)!.append(stream, id, Buffer.from(id));
      await logOf(one.bus)!.open(stream, limits);
      await logOf(other.bus)!.open(one.stream('pother'), limits);
      const kept = await append('kept');
      // Stopped in order, so that all is on its disk.
      await own.kill();
      own.save();
      await own.start();
      await tests[0]!.until(() => one.bus.state === 'up');
      for (const id of ['lost 1', 'lost 2', 'lost 3']) await append(id);
      await own.kill();
      own.restore();
      await own.start();
      await tests[0]!.until(() => one.bus.state === 'up' && other.bus.state === 'up');
      const fresh = await append('fresh');
      expect(fresh.offset).toBe(2);
      expect(fresh.epoch.startsWith(`${kept.epoch}-`)).toBe(true);
      await logOf(other.bus)!.open(stream, limits);
      const page = await logOf(other.bus)!.read(stream, 0, 10);
      expect(page.epoch).toBe(fresh.epoch);
      expect(page.common).toEqual({ base: kept.epoch, offset: 1 });
      expect(page.entries.map(({ id }) => id)).toEqual(['kept', 'fresh']);
      expect(
        [...one.lines, ...other.lines].filter((line) => /has lost messages after/.test(line)),
      ).toHaveLength(1);
    } finally {
      for (const test of tests) await test.end();
      await own.end();
    }
  });

  it('a message that is longer than max_payload fails at once, and stops no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-nats-'));
    const config = join(folder, 'nats.conf');
    writeFileSync(config, 'max_payload: 65536\n');
    const small = await BusServer.start(NATS_SERVER, '-c', config);
    const test = new BusTest(benchOf(() => small));
    try {
      const one = await test.up();
      const { bus, events } = one;
      expect(bus.maxBytes).toBe(65_536);
      expect(bus.publish('hr.papp.g.proom', Buffer.alloc(65_537))).toBe('dropped');
      expect(events).toEqual(['up', 'dropped tooLong']);
      const name = one.stream('proom');
      await logOf(bus)!.open(name, { messages: 100, ageMs: 60_000 });
      const begun = Date.now();
      const appends = ['a', 'b', 'c'].map((id) =>
        logOf(bus)!
          .append(name, id, Buffer.alloc(id === 'b' ? 65_500 : 60_000))
          .then(({ offset }) => offset)
          .catch((error) => error.code),
      );
      expect(await Promise.all(appends)).toEqual([1, 'HR_ERR_MESSAGE_TOO_LONG', 2]);
      expect(Date.now() - begun).toBeLessThan(1000);
    } finally {
      await test.end();
      await small.end();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a subject that the account may not use is one line, stops no other, and is used when it may', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-nats-'));
    const config = join(folder, 'nats.conf');
    const allow = (permissions: string) =>
      writeFileSync(
        config,
        `authorization { users = [{ user: u, password: p, permissions: ${permissions} }] }`,
      );
    const secret = '{ deny: ["hr.*.g.secret", "hr.*.g.hidden"] }';
    allow(`{ publish: { deny: "hr.*.g.secret" }, subscribe: ${secret} }`);
    const guarded = await BusServer.start(NATS_SERVER, '-c', config);
    const test = new BusTest(benchOf(() => guarded, { user: 'u', pass: 'p' }));
    try {
      const one = await test.up();
      for (const name of ['secret', 'hidden', 'open']) one.listen(name);
      await test.until(() => one.lines.length === 2);
      expect(one.lines.join()).toMatch(/g\.secret.*g\.hidden/);
      one.publishText('open', 'one');
      await test.until(() => one.heard.includes('one'));
      expect(one.publishText('secret', 'lost')).toBe('sent');
      await test.until(() => one.lines.length === 3);
      expect([one.publishText('secret', 'refused'), one.events.at(-1)]).toEqual([
        'dropped',
        'dropped forbidden',
      ]);
      allow('{ publish: ">", subscribe: ">" }');
      guarded.reload();
      await test.until(
        () => one.publishText('secret', 'two') === 'sent' && one.heard.includes('two'),
      );
      await test.until(
        () => one.publishText('hidden', 'three') === 'sent' && one.heard.includes('three'),
      );
      expect([one.bus.state, one.lines.length]).toEqual(['up', 3]);
    } finally {
      await test.end();
      await guarded.end();
      rmSync(folder, { recursive: true });
    }
  });

  it('an account that demands the size of each stream has maxBytes, which its error names', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-nats-'));
    const config = join(folder, 'nats.conf');
    const account = 'jetstream { max_store: 100M, max_mem: 10M, max_bytes_required: true }';
    writeFileSync(config, `accounts { A { ${account}, users: [{ user: u, password: p }] } }\n`);
    const sized = await BusServer.start(NATS_SERVER, '-c', config);
    const options = { user: 'u', pass: 'p' };
    const without = new BusTest(benchOf(() => sized, options));
    const withSize = new BusTest(benchOf(() => sized, { ...options, maxBytes: 10_000_000 }));
    const limits = { messages: 100, ageMs: 60_000 };
    const states = { keys: 10, bytes: 1000, removals: 10, removalAgeMs: 60_000 };
    try {
      const [one, two] = [await without.up(), await withSize.up()];
      const name = one.stream('proom');
      const refused = /set maxBytes of natsBus/;
      await expect(logOf(one.bus)!.open(name, limits)).rejects.toMatchObject({
        cause: { message: expect.stringMatching(refused) },
      });
      const { bus } = two;
      await logOf(bus)!.open(two.stream('proom'), limits);
      await logOf(bus)!.append(two.stream('proom'), 'a', Buffer.from('a'));
      await statesOf(bus)!.open(two.state('proom'), states);
      const connection = await connect({ servers: `nats://127.0.0.1:${sized.port}`, ...options });
      const manager = await jetstreamManager(connection);
      const sizes: number[] = [];
      for await (const { config: made } of manager.streams.list()) sizes.push(made.max_bytes);
      expect(sizes).toEqual([10_000_000, 10_000_000]);
      await connection.close();
    } finally {
      await without.end();
      await withSize.end();
      await sized.end();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('a store that was lost has another epoch, for appends, followers and reads', async () => {
    const test = new BusTest(benchOf(() => server));
    const one = await test.up();
    const two = await test.up();
    const stream = one.stream('proom');
    const limits = { messages: 100, ageMs: 60_000 };
    for (const { bus } of [one, two]) await logOf(bus)!.open(stream, limits);
    const epochs: string[] = [];
    logOf(two.bus)!.follow(stream, ({ position }) => epochs.push(position.epoch));
    await two.bus.settled();
    const before = await logOf(one.bus)!.append(stream, 'a', Buffer.from('a'));
    const connection = await connect({ servers: `nats://127.0.0.1:${server.port}` });
    const manager = await jetstreamManager(connection);
    const [name] = await manager.streams.names(stream).next();
    await manager.streams.delete(name!);
    const after = await logOf(one.bus)!.append(stream, 'b', Buffer.from('b'));
    expect(after.epoch === before.epoch).toBe(false);
    // The other one sees numbers that begin again, and asks.
    await test.until(() => two.events.includes('down') && two.bus.state === 'up');
    await logOf(one.bus)!.append(stream, 'c', Buffer.from('c'));
    await test.until(() => epochs.at(-1) === after.epoch);
    expect((await logOf(two.bus)!.read(stream, 0, 10)).epoch).toBe(after.epoch);
    await connection.close();
    await test.end();
  });

  it('several writers of one stream keep every link, though the server gives copies in another order', async () => {
    const test = new BusTest(benchOf(() => server));
    const sides = await Promise.all(Array.from({ length: 6 }, () => test.up()));
    const stream = sides[0]!.stream('proom');
    for (const { bus } of sides)
      await logOf(bus)!.open(stream, { messages: 10_000, ageMs: 60_000 });
    const got = sides.map(() => [] as number[]);
    for (const [at, { bus }] of sides.entries()) {
      logOf(bus)!.follow(stream, ({ position: { offset } }) => {
        // As a room does: it has read a copy that comes later than its time from the log.
        if (offset > (got[at]!.at(-1) ?? 0)) got[at]!.push(offset);
      });
    }
    for (const { bus } of sides) await bus.settled();
    const rounds = 400;
    await Promise.all(
      sides.map(async ({ bus }, at) => {
        for (let i = 0; i < rounds; i++) {
          const appends = Array.from({ length: 4 }, (_, n) =>
            logOf(bus)!.append(stream, `${at}-${i}-${n}`, Buffer.alloc(100)),
          );
          await Promise.all(appends);
        }
      }),
    );
    const count = sides.length * rounds * 4;
    await test.until(() => got.every((offsets) => offsets.at(-1) === count));
    const stored: number[] = [];
    while (stored.length < count) {
      const { entries } = await logOf(sides[0]!.bus)!.read(stream, stored.at(-1) ?? 0, 1000);
      stored.push(...entries.map(({ position }) => position.offset));
    }
    for (const [at, { events }] of sides.entries()) {
      expect(events.includes('down')).toBe(false);
      const live = new Set(got[at]);
      expect(got[at]).toEqual(stored.filter((offset) => live.has(offset)));
    }
    await test.end();
  });

  it('the limits of an app are those of the group that asks for most', async () => {
    const test = new BusTest(benchOf(() => server));
    const one = await test.up();
    const groups = Array.from({ length: 20 }, (_, at) => one.stream(`p${at}`));
    const two = await test.up();
    await Promise.all(
      groups.flatMap((stream, at) => {
        const limits = { messages: 10 + at, ageMs: 60_000 - at * 1000 };
        return [logOf(one.bus)!.open(stream, limits), logOf(two.bus)!.open(stream, limits)];
      }),
    );
    const connection = await connect({ servers: `nats://127.0.0.1:${server.port}` });
    const manager = await jetstreamManager(connection);
    const [name] = await manager.streams.names(groups[0]!).next();
    const { config } = await manager.streams.info(name!);
    expect([config.max_msgs_per_subject, config.max_age]).toEqual([29, 60_000 * 1e6]);
    expect(config.duplicate_window).toBe(60_000 * 1e6);
    await connection.close();
    await test.end();
  });

  it('what a read leaves in the server when its connection breaks ends soon', async () => {
    const test = new BusTest(benchOf(() => server));
    const connection = await connect({ servers: `nats://127.0.0.1:${server.port}` });
    const ages: number[] = [];
    connection.subscribe('$JS.API.CONSUMER.CREATE.>', {
      callback: (_error, message) => {
        const { config } = message.json<{ config: { inactive_threshold?: number } }>();
        ages.push(config.inactive_threshold ?? Infinity);
      },
    });
    await connection.flush();
    const one = await test.up();
    const logged = one.stream('pleaves');
    await logOf(one.bus)!.open(logged, { messages: 10, ageMs: 60_000 });
    await logOf(one.bus)!.append(logged, 'one', Buffer.from('1'));
    await logOf(one.bus)!.read(logged, 0, 10);
    const kept = one.state('pleaves');
    await statesOf(one.bus)!.open(kept, { keys: 9, bytes: 999, removals: 9, removalAgeMs: 60_000 });
    const change = { key: 'k', bytes: Buffer.from('1'), isRemoval: false, expected: undefined };
    await statesOf(one.bus)!.append(kept, 'a', { ...change, byteLength: 2 });
    await statesOf(one.bus)!.read(kept, 0, 10);
    await connection.flush();
    expect(ages.length).toBeGreaterThanOrEqual(2);
    for (const age of ages) expect(age).toBeLessThanOrEqual(10_000 * 1e6);
    await connection.close();
    await test.end();
  });
});
