import { Buffer } from 'node:buffer';
import { BUS_ERRORS } from '@headrace/bus';
import type { BenchBus, BusBench, BusTest } from '@headrace/bus/testing';
import { isHeadraceError } from '@headrace/core';
import type { TestRunner } from '@headrace/core/testing';
import { commonOffset, type LogEntry, type LogPage, type LogPosition } from '../contract/log.ts';
import { logOf } from '../stores/bus-stores.ts';

type LogTest = readonly [
  name: string,
  body: (test: BusTest, expect: TestRunner['expect'], bench: BusBench) => Promise<void>,
];

const LIMITS = { messages: 10_000, ageMs: 3_600_000 };
const ids = (count: number, name = 'id') => Array.from({ length: count }, (_, at) => name + at);
const texts = (entries: readonly LogEntry[]) => entries.map(({ bytes }) => bytes.toString());

/** Reads the entries after an offset, page by page. */
async function readAll(
  test: BusTest,
  one: BenchBus,
  stream: string,
  after = 0,
): Promise<LogEntry[]> {
  const all: LogEntry[] = [];
  for (let from = after; ; ) {
    const page: LogPage = await test.of(logOf(one.bus)!.read(one.stream(stream), from, 300));
    all.push(...page.entries);
    const last = page.entries.at(-1)?.position.offset;
    if (last === undefined || last >= page.last) return all;
    from = last;
  }
}

export const LOG_TESTS: readonly LogTest[] = [
  [
    'the log: stores in the order of the calls, follows and reads the same',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      const [stream, other] = [one.stream('proom'), one.stream('pother')];
      await test.of(logOf(one.bus)!.open(stream, LIMITS));
      await test.of(logOf(one.bus)!.open(other, LIMITS));
      await test.of(logOf(two.bus)!.open(stream, LIMITS));
      const empty = await test.of(logOf(one.bus)!.read(stream, 0, 10));
      expect([empty.entries.length, empty.first]).toEqual([0, 0]);
      expect(/[:\s]/.test(empty.epoch)).toBe(false);
      const live: LogEntry[] = [];
      logOf(two.bus)!.follow(stream, (entry) => live.push(entry));
      await test.of(two.bus.settled());
      const names = ids(700);
      const stored = await test.of(
        Promise.all(
          names.map((id, at) => {
            if (at % 10 === 0) void logOf(one.bus)!.append(other, id, Buffer.from(`other ${id}`));
            return logOf(one.bus)!.append(stream, id, Buffer.from(`text ${id}`));
          }),
        ),
      );
      await test.until(() => live.length === 700);
      const read = await readAll(test, two, 'proom');
      expect(texts(read)).toEqual(names.map((id) => `text ${id}`));
      expect(texts(live)).toEqual(texts(read));
      expect(live.map(({ position }) => position)).toEqual([...stored]);
      expect(read.map(({ position }) => position)).toEqual([...stored]);
      expect(live.map(({ id }) => id)).toEqual(names);
      expect(read.map(({ id }) => id)).toEqual(names);
      const before = [0, ...stored.map(({ offset }) => offset)].slice(0, 700);
      expect(live.map(({ previous }) => previous)).toEqual(before);
      expect(read.map(({ previous }) => previous)).toEqual(before);
      const middle = await test.of(logOf(two.bus)!.read(stream, stored[499]!.offset, 50));
      expect(texts(middle.entries)).toEqual(names.slice(500, 550).map((id) => `text ${id}`));
      expect(middle.entries[0]!.previous).toBe(stored[499]!.offset);
      expect([middle.first, middle.last]).toEqual([stored[0]!.offset, stored[699]!.offset]);
      const nothing = await test.of(logOf(two.bus)!.read(stream, middle.last, 50));
      expect([nothing.entries.length, nothing.last]).toEqual([0, middle.last]);
    },
  ],
  [
    'the log: an id is stored once, from wherever it comes, and any text is one',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      const [stream, other] = [one.stream('proom'), one.stream('pother')];
      for (const { bus } of [one, two]) {
        await test.of(logOf(bus)!.open(stream, LIMITS));
        await test.of(logOf(bus)!.open(other, LIMITS));
      }
      const odd = ['a', 'p', 'a\r\nb: c', 'ü', '', ' ', '💧'.repeat(30), 'a/b', '}{'];
      const first = await test.of(
        Promise.all(odd.map((id) => logOf(one.bus)!.append(stream, id, Buffer.from(id)))),
      );
      const second = await test.of(
        Promise.all(odd.map((id) => logOf(two.bus)!.append(stream, id, Buffer.from('again')))),
      );
      expect(second).toEqual(first);
      // The same id in another group is a different id.
      await test.of(logOf(two.bus)!.append(other, 'a', Buffer.from('other')));
      expect(texts(await readAll(test, two, 'proom'))).toEqual(odd);
      expect((await readAll(test, two, 'proom')).map(({ id }) => id)).toEqual(odd);
      expect(texts(await readAll(test, one, 'pother'))).toEqual(['other']);
    },
  ],
  [
    'the log: keeps what its limits ask for, and says what is gone',
    async (test, expect) => {
      const one = await test.up();
      const stream = one.stream('proom');
      await test.of(logOf(one.bus)!.open(stream, { messages: 50, ageMs: 60_000 }));
      const stored = await test.of(
        Promise.all(ids(1000).map((id) => logOf(one.bus)!.append(stream, id, Buffer.from(id)))),
      );
      const page = await test.of(logOf(one.bus)!.read(stream, 0, 10_000));
      const kept = page.entries.length;
      expect(kept).toBeGreaterThan(49);
      expect(kept).toBeLessThan(400);
      expect(page.first).toBe(page.entries[0]!.position.offset);
      expect(page.last).toBe(stored[999]!.offset);
      expect(texts(page.entries)).toEqual(ids(1000).slice(1000 - kept));
      const { entries } = await test.of(logOf(one.bus)!.read(stream, stored[10]!.offset, 5));
      expect(texts(entries)).toEqual(ids(1000).slice(1000 - kept, 1005 - kept));
      // The reader sees that it missed messages.
      expect(entries[0]!.previous === stored[10]!.offset).toBe(false);
    },
  ],
  [
    'the log: what is too old is gone, and was there',
    async (test, expect) => {
      const one = await test.up();
      const stream = one.stream('proom');
      await test.of(logOf(one.bus)!.open(stream, { messages: 50, ageMs: 1500 }));
      const { offset } = await test.of(logOf(one.bus)!.append(stream, 'a', Buffer.from('a')));
      await test.pass(4000);
      const page = await test.of(logOf(one.bus)!.read(stream, 0, 10));
      expect([page.entries.length, page.first]).toEqual([0, 0]);
      expect(page.last >= offset).toBe(true);
      const next = await test.of(logOf(one.bus)!.append(stream, 'b', Buffer.from('b')));
      expect(next.offset).toBeGreaterThan(offset);
      expect(next.epoch).toBe(page.epoch);
    },
  ],
  [
    'the log: a position that was lost is told from those that are kept',
    async (test, expect, { server }) => {
      if (server.restore === undefined) return;
      const [one, two] = [await test.up(), await test.up()];
      const stream = one.stream('proom');
      for (const { bus } of [one, two]) await test.of(logOf(bus)!.open(stream, LIMITS));
      const append = (bench: BenchBus, id: string) =>
        test.of(logOf(bench.bus)!.append(stream, id, Buffer.from(id)));
      /** A link whose stream has another epoch ends. */
      const page = async (): Promise<LogPage> => {
        for (;;) {
          try {
            return await test.of(logOf(one.bus)!.read(stream, 0, 100));
          } catch (thrown) {
            if (!isHeadraceError(thrown, BUS_ERRORS.BUS_DOWN)) throw thrown;
            await test.pass(50);
          }
        }
      };
      /** What of the log up to a position a reader need not read again. */
      const known = (at: LogPosition, its: LogPage) =>
        at.epoch === its.epoch ? at.offset : commonOffset(at, its);
      const kept = [await append(one, 'a'), await append(one, 'b')];
      await test.restart(() => server.save?.());
      const lost = [await append(one, 'c'), await append(one, 'd')];
      for (const at of kept) expect(known(at, await page())).toBe(at.offset);
      await test.restart(() => server.restore!());
      // The reader that has seen the loss tells the others.
      await page();
      const later = [await append(two, 'x'), await append(two, 'y')];
      await test.restart();
      later.push(await append(two, 'z'));
      const after = await page();
      const isKept = texts(after.entries).includes('b');
      expect(texts(after.entries)).toEqual([...(isKept ? ['a', 'b'] : []), 'x', 'y', 'z']);
      for (const at of lost) {
        expect(at.epoch === after.epoch).toBe(false);
        expect(known(at, after) <= (isKept ? kept[1]!.offset : 0)).toBe(true);
      }
      // A store that was put back from a copy may count as another one.
      for (const at of kept) expect([0, at.offset].includes(known(at, after))).toBe(true);
      expect(known(later[2]!, after)).toBe(later[2]!.offset);
    },
  ],
  [
    'the log: carries 1 MiB less 1 KiB, and pages of such messages',
    async (test, expect) => {
      const one = await test.up();
      const stream = one.stream('proom');
      await test.of(logOf(one.bus)!.open(stream, LIMITS));
      const live: LogEntry[] = [];
      logOf(one.bus)!.follow(stream, (entry) => live.push(entry));
      await test.of(one.bus.settled());
      const large = Buffer.alloc(1024 * 1024 - 1024, 'large');
      await test.of(
        Promise.all(ids(12).map((id) => logOf(one.bus)!.append(stream, id, Buffer.from(large)))),
      );
      await test.until(() => live.length === 12);
      const read = await readAll(test, one, 'proom');
      expect(read.length).toBe(12);
      expect([...live, ...read].every(({ bytes }) => bytes.equals(large))).toBe(true);
    },
  ],
  [
    'the log: a server is killed under appends, and what was acknowledged is stored once, in order',
    async (test, expect, { server }) => {
      const [one, two] = [await test.up(), await test.up()];
      const stream = one.stream('proom');
      for (const { bus } of [one, two]) await test.of(logOf(bus)!.open(stream, LIMITS));
      const live: LogEntry[] = [];
      logOf(two.bus)!.follow(stream, (entry) => live.push(entry));
      await test.of(two.bus.settled());
      const acknowledged: number[] = [];
      const failures: unknown[] = [];
      const write = (id: string) => {
        logOf(one.bus)!
          .append(stream, id, Buffer.from(id))
          .then(
            ({ offset }) => acknowledged.push(offset),
            (error: unknown) => failures.push(error),
          );
      };
      const names = ids(3000);
      for (const [at, id] of names.entries()) {
        write(id);
        if (at % 10 === 0) await test.pass(1);
        if (at === 1000) await server.kill();
        if (at === 1500) await server.start();
      }
      await test.until(() => acknowledged.length + failures.length === 3000, 60_000);
      expect(failures).toEqual([]);
      expect(acknowledged).toEqual([...acknowledged].sort((a, b) => a - b));
      const read = await readAll(test, one, 'proom');
      expect(texts(read)).toEqual(names);
      expect(read.map(({ position }) => position.offset)).toEqual(acknowledged);
      // The stream is followed again, and gaps are found.
      await test.until(() => two.bus.state === 'up');
      await test.of(logOf(one.bus)!.append(stream, 'last', Buffer.from('last')));
      await test.until(() => live.at(-1)?.id === 'last');
      for (const { previous, position } of live) {
        const at = acknowledged.indexOf(position.offset);
        if (at > 0) expect(previous).toBe(acknowledged[at - 1]!);
      }
    },
  ],
  [
    'the log: fails with BUS_DOWN after 5 s without a server, and goes on in order later',
    async (test, expect, { server, clock }) => {
      const one = await test.up();
      const stream = one.stream('proom');
      await test.of(logOf(one.bus)!.open(stream, LIMITS));
      await test.of(logOf(one.bus)!.append(stream, 'before', Buffer.from('before')));
      await server.kill();
      await test.until(() => one.bus.state === 'down');
      const began = clock.now();
      const failing = logOf(one.bus)!.append(stream, 'fails', Buffer.from('fails'));
      const failed = await test.of(failing.catch((error: unknown) => error));
      expect(isHeadraceError(failed, BUS_ERRORS.BUS_DOWN)).toBe(true);
      expect(clock.now() - began).toBeGreaterThan(4900);
      const opening = logOf(one.bus)!.open(one.stream('plater'), LIMITS);
      expect(
        isHeadraceError(await opening.catch((error: unknown) => error), BUS_ERRORS.BUS_DOWN),
      ).toBe(true);
      const reading = logOf(one.bus)!.read(stream, 0, 1);
      expect(
        isHeadraceError(await reading.catch((error: unknown) => error), BUS_ERRORS.BUS_DOWN),
      ).toBe(true);
      const later = Promise.all(
        ids(20).map((id) => logOf(one.bus)!.append(stream, id, Buffer.from(id))),
      );
      // A stream that could not be opened also accepts messages later.
      const elsewhere = logOf(one.bus)!.append(one.stream('plater'), 'x', Buffer.from('x'));
      await server.start();
      await test.of(Promise.all([later, elsewhere]));
      expect(texts(await readAll(test, one, 'proom'))).toEqual(['before', ...ids(20)]);
    },
  ],
  [
    'the log: what waits when the bus closes fails',
    async (test, expect, { server }) => {
      const one = await test.up();
      const stream = one.stream('proom');
      await test.of(logOf(one.bus)!.open(stream, LIMITS));
      await server.kill();
      await test.until(() => one.bus.state === 'down');
      const failing = logOf(one.bus)!.append(stream, 'a', Buffer.from('a'));
      const closing = one.bus.close();
      const failed = await test.of(failing.catch((error: unknown) => error));
      expect(isHeadraceError(failed, BUS_ERRORS.BUS_DOWN)).toBe(true);
      await test.of(closing);
      await server.start();
    },
  ],
];
