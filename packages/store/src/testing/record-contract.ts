import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { BUS_ERRORS } from '@headrace/bus';
import type { BenchBus, BusBench, BusTest } from '@headrace/bus/testing';
import { isHeadraceError } from '@headrace/core';
import type { TestRunner } from '@headrace/core/testing';
import type { KeyRecords, RecordWrite } from '../contract/records.ts';
import { recordsOf } from '../stores/bus-stores.ts';

type RecordTest = readonly [
  name: string,
  body: (test: BusTest, expect: TestRunner['expect'], bench: BusBench) => Promise<void>,
];

const KEEP_MS = 3_600_000;
const NAME = 'plasting';
let keys = 0;
const nextKey = (): string => `K-${++keys}_`.repeat(3);

/** The records of one stream, over one bus. Calls are repeated while the bus is down, as a user of records does. */
class Chain {
  private readonly test: BusTest;
  private readonly one: BenchBus;
  readonly stream: string;

  private constructor(test: BusTest, one: BenchBus) {
    this.test = test;
    this.one = one;
    this.stream = one.records(NAME);
  }

  static async open(test: BusTest, keepMs = KEEP_MS): Promise<Chain> {
    const chain = new Chain(test, await test.up());
    await chain.tried(() => recordsOf(chain.one.bus)!.open(chain.stream, { keepMs }));
    return chain;
  }

  get bus(): BenchBus {
    return this.one;
  }

  append(
    key: string,
    bytes: string | Uint8Array,
    after?: string,
    replaces = after === undefined,
  ): Promise<string | undefined> {
    const write: RecordWrite = { key, bytes: Buffer.from(bytes), after, replaces };
    return this.tried(() => recordsOf(this.one.bus)!.append(this.stream, write));
  }

  read(key: string): Promise<KeyRecords | undefined> {
    return this.tried(() => recordsOf(this.one.bus)!.read(this.stream, key));
  }

  remove(key: string, after: string): Promise<void> {
    return this.tried(() => recordsOf(this.one.bus)!.remove(this.stream, key, after));
  }

  async texts(key: string): Promise<readonly string[] | undefined> {
    return (await this.read(key))?.records.map(String);
  }

  private async tried<T>(call: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.test.of(call());
      } catch (thrown) {
        if (tries > 100 || !isHeadraceError(thrown, BUS_ERRORS.BUS_DOWN)) throw thrown;
        await this.test.pass(100);
      }
    }
  }
}

export const RECORD_TESTS: readonly RecordTest[] = [
  [
    'the records: come back in order, from the last record that replaced the earlier ones',
    async (test, expect) => {
      const [one, two] = [await Chain.open(test), await Chain.open(test)];
      const key = nextKey();
      expect(await one.read(key)).toBe(undefined);
      const begun = await one.append(key, 'first');
      expect(typeof begun).toBe('string');
      const second = await one.append(key, 'second', begun);
      expect(await two.texts(key)).toEqual(['first', 'second']);
      const third = await two.append(key, 'whole', second, true);
      const fourth = await one.append(key, 'more', third);
      const found = await two.read(key);
      expect(found?.records.map(String)).toEqual(['whole', 'more']);
      expect(typeof (await two.append(key, 'last', found?.revision))).toBe('string');
      expect(new Set([begun, second, third, fourth]).size).toBe(4);
    },
  ],
  [
    'the records: keep as many records as a key has, and any bytes',
    async (test, expect) => {
      const one = await Chain.open(test);
      const key = nextKey();
      const records = Array.from({ length: 40 }, (_, at) =>
        at === 3 ? Buffer.alloc(0) : at === 7 ? Buffer.from('\r\n\0ü') : randomBytes(at * 17),
      );
      let revision: string | undefined;
      for (const [at, record] of records.entries()) {
        revision = await one.append(key, record, revision, at === 0);
        expect(typeof revision).toBe('string');
      }
      expect((await one.read(key))?.records).toEqual(records);
      expect(typeof (await one.append(key, 'more', revision))).toBe('string');
    },
  ],
  [
    'the records: of two writers after one revision, one succeeds',
    async (test, expect) => {
      const [one, two] = [await Chain.open(test), await Chain.open(test)];
      const key = nextKey();
      const begins = await Promise.all([one.append(key, 'a'), two.append(key, 'b')]);
      expect(begins.filter((revision) => revision === undefined).length).toBe(1);
      let revision = begins.find((its) => its !== undefined);
      for (let round = 0; round < 10; round += 1) {
        const rivals = await Promise.all([
          one.append(key, `one ${round}`, revision, round % 2 === 0),
          two.append(key, `two ${round}`, revision, round % 3 === 0),
        ]);
        const won = rivals.filter((its) => its !== undefined);
        expect(won.length).toBe(1);
        const { records, revision: last } = (await one.read(key))!;
        expect(String(records.at(-1))).toBe(`${rivals[0] === undefined ? 'two' : 'one'} ${round}`);
        revision = round % 4 === 3 ? last : won[0];
      }
      expect(await one.append(key, 'c', begins[0] ?? begins[1])).toBe(undefined);
      expect(await one.append(key, 'c')).toBe(undefined);
      expect(await one.append(nextKey(), 'c', revision)).toBe(undefined);
    },
  ],
  [
    'the records: know the last record when it is appended again',
    async (test, expect) => {
      const [one, two] = [await Chain.open(test), await Chain.open(test)];
      const key = nextKey();
      const first = await one.append(key, 'a');
      const again = await two.append(key, 'a');
      expect(typeof again).toBe('string');
      await one.append(key, 'b', again);
      const second = await two.append(key, 'b', first);
      expect(await one.texts(key)).toEqual(['a', 'b']);
      expect(await one.append(key, 'a', first)).toBe(undefined);
      await one.append(key, 'c', second, true);
      const third = await one.append(key, 'c', second, true);
      expect(typeof (await one.append(key, 'd', third))).toBe('string');
      expect(await one.texts(key)).toEqual(['c', 'd']);
    },
  ],
  [
    'the records: remove a key only at its revision',
    async (test, expect) => {
      const one = await Chain.open(test);
      const [key, other] = [nextKey(), nextKey()];
      await one.append(other, 'stays');
      const first = await one.append(key, 'a');
      const second = await one.append(key, 'b', first);
      await one.remove(key, first!);
      expect(await one.texts(key)).toEqual(['a', 'b']);
      await one.remove(key, second!);
      expect(await one.read(key)).toBe(undefined);
      expect(await one.append(key, 'c', second)).toBe(undefined);
      const again = await one.append(key, 'a');
      expect([first, second, undefined].includes(again)).toBe(false);
      expect(await one.texts(other)).toEqual(['stays']);
    },
  ],
  [
    'the records: forget a key some time after its last record, and no earlier',
    async (test, expect) => {
      const one = await Chain.open(test, 3000);
      const [idle, busy] = [nextKey(), nextKey()];
      await one.append(idle, 'a');
      let revision = await one.append(busy, 'a');
      for (let round = 0; round < 5; round += 1) {
        await test.pass(1000);
        revision = await one.append(busy, `whole ${round}`, revision, true);
        expect(typeof revision).toBe('string');
      }
      expect(await one.texts(busy)).toEqual(['whole 4']);
      expect(await one.read(idle)).toBe(undefined);
      expect(typeof (await one.append(idle, 'b'))).toBe('string');
    },
  ],
  [
    'the records: carry 256 KiB, and a key of many such records',
    async (test, expect) => {
      const [one, two] = [await Chain.open(test), await Chain.open(test)];
      const key = nextKey();
      let revision: string | undefined;
      for (let at = 0; at < 6; at += 1) {
        revision = await one.append(key, Buffer.alloc(256 * 1024, at), revision, at === 0);
      }
      const { records } = (await two.read(key))!;
      expect(records.map(({ length, [0]: first }) => [length, first])).toEqual(
        Array.from({ length: 6 }, (_, at) => [256 * 1024, at]),
      );
    },
  ],
  [
    'the records: a server is killed under appends, and what was acknowledged is there',
    async (test, expect, { server }) => {
      const one = await Chain.open(test);
      const chains = Array.from({ length: 8 }, () => ({
        key: nextKey(),
        revision: undefined as string | undefined,
        texts: [] as string[],
      }));
      let isOver = false;
      const writing = chains.map(async (chain, at) => {
        for (let round = 0; !isOver; round += 1) {
          const text = `${at} ${round}`;
          const revision = await one.append(chain.key, text, chain.revision, round === 0);
          expect(typeof revision).toBe('string');
          chain.revision = revision;
          chain.texts.push(text);
          await test.pass(10);
        }
      });
      await test.until(() => chains.every(({ texts }) => texts.length > 3));
      await server.kill();
      await test.until(() => one.bus.bus.state === 'down');
      await server.start();
      const counts = chains.map(({ texts }) => texts.length);
      await test.until(() => chains.every(({ texts }, at) => texts.length > counts[at]! + 3));
      isOver = true;
      await test.of(Promise.all(writing));
      for (const { key, revision, texts } of chains) {
        expect(await one.texts(key)).toEqual(texts);
        expect(typeof (await one.append(key, 'last', revision))).toBe('string');
      }
    },
  ],
  [
    'the records: rejects at once while the bus is down',
    async (test, expect, { server }) => {
      const one = await Chain.open(test);
      await server.kill();
      try {
        await test.until(() => one.bus.bus.state === 'down');
        const write = { key: nextKey(), bytes: Buffer.from('a'), after: undefined, replaces: true };
        const records = recordsOf(one.bus.bus)!;
        const results = await test.of(
          Promise.allSettled([
            records.append(one.stream, write),
            records.read(one.stream, write.key),
            records.remove(one.stream, write.key, 'x'),
          ]),
        );
        for (const result of results) {
          const isDown =
            result.status === 'rejected' && isHeadraceError(result.reason, BUS_ERRORS.BUS_DOWN);
          expect(isDown).toBe(true);
        }
      } finally {
        await server.start();
      }
    },
  ],
  [
    'the records: a revision that the store has lost is refused, even after others went on',
    async (test, expect, { server }) => {
      if (server.restore === undefined) return;
      const [one, two] = [await Chain.open(test), await Chain.open(test)];
      const [kept, alone, filler] = [nextKey(), nextKey(), nextKey()];
      const first = await one.append(kept, 'a');
      let last = await one.append(alone, 'a');
      await test.restart(() => server.save?.());
      const lost: (string | undefined)[] = [];
      for (const [at, text] of ['b', 'c', 'd'].entries()) {
        lost.push(await one.append(kept, text, lost.at(-1) ?? first));
        last = await one.append(alone, `${text} ${at}`, last);
      }
      await test.restart(() => server.restore!());
      // Another writer goes on from the older record, in as many records, so that numbers could be used again.
      const found = await two.read(kept);
      let [revision, filled] = [found?.revision, undefined as string | undefined];
      for (const text of ['x', 'y', 'z']) {
        revision = await two.append(kept, text, revision, revision === undefined);
        expect(typeof revision).toBe('string');
        filled = await two.append(filler, text, filled);
      }
      for (const its of lost) expect(await one.append(kept, 'e', its)).toBe(undefined);
      expect(await two.texts(kept)).toEqual([...(found?.records.map(String) ?? []), 'x', 'y', 'z']);
      await one.remove(kept, lost.at(-1)!);
      expect((await one.texts(kept))?.at(-1)).toBe('z');
      // A writer that was not replaced sees only its own earlier records, and goes on after them.
      expect(await one.append(alone, 'e', last)).toBe(undefined);
      const its = await one.read(alone);
      const again = await one.append(alone, 'whole', its?.revision, true);
      expect(typeof (await one.append(alone, 'more', again))).toBe('string');
      expect(await two.texts(alone)).toEqual(['whole', 'more']);
    },
  ],
];
