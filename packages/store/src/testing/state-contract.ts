import { Buffer } from 'node:buffer';
import { BUS_ERRORS } from '@headrace/bus';
import type { BenchBus, BusBench, BusTest } from '@headrace/bus/testing';
import { isHeadraceError } from '@headrace/core';
import type { TestRunner } from '@headrace/core/testing';
import type { StateAnswer, StateEntry, StateLimits, StatePage } from '../contract/state-log.ts';
import { statesOf } from '../stores/bus-stores.ts';

type StateTest = readonly [
  name: string,
  body: (test: BusTest, expect: TestRunner['expect'], bench: BusBench) => Promise<void>,
];

const LIMITS: StateLimits = {
  keys: 1000,
  bytes: 64 * 1024 * 1024,
  removals: 1000,
  removalAgeMs: 3_600_000,
};

let ids = 0;

/** The state of one bus in a test. */
class BenchState {
  readonly stream: string;
  private readonly test: BusTest;
  private readonly one: BenchBus;

  constructor(test: BusTest, one: BenchBus, name = 'proom') {
    this.test = test;
    this.one = one;
    this.stream = one.state(name);
  }

  get isUp(): boolean {
    return this.one.bus.state === 'up';
  }

  open(limits: Partial<StateLimits> = {}): Promise<void> {
    return this.test.of(statesOf(this.one.bus)!.open(this.stream, { ...LIMITS, ...limits }));
  }

  /** Sets a key, or removes it with the value `undefined`. */
  begin(
    key: string,
    value: string | Buffer | undefined,
    expected?: number,
    id?: string,
  ): Promise<StateAnswer> {
    const bytes = Buffer.from(value ?? '');
    ids += 1;
    const byteLength = Buffer.byteLength(key) + bytes.byteLength;
    const write = { key, bytes, isRemoval: value === undefined, expected, byteLength };
    return statesOf(this.one.bus)!.append(this.stream, id ?? `id${ids}`, write);
  }

  change(...args: Parameters<BenchState['begin']>): Promise<StateAnswer> {
    return this.test.of(this.begin(...args));
  }

  async set(key: string, value: string): Promise<number> {
    const answer = await this.change(key, value);
    if ('position' in answer) return answer.position.offset;
    throw new Error(`not stored: ${JSON.stringify(answer)}`);
  }

  page(after = 0, limit = 1000): Promise<StatePage> {
    return this.test.of(statesOf(this.one.bus)!.read(this.stream, after, limit));
  }

  /** Reads all pages after an offset. */
  async all(after = 0, limit = 1000): Promise<StateEntry[]> {
    const entries: StateEntry[] = [];
    for (let from = after; ; ) {
      const page = await this.page(from, limit);
      entries.push(...page.entries);
      if (page.end >= page.last) return entries;
      from = page.end;
    }
  }

  /** Forgets the state on this node, unless it is followed. */
  release(): void {
    statesOf(this.one.bus)!.release?.(this.stream);
  }

  async follow(): Promise<StateEntry[]> {
    const live: StateEntry[] = [];
    statesOf(this.one.bus)!.follow(this.stream, (entry) => live.push(entry));
    await this.test.of(this.one.bus.settled());
    return live;
  }
}

const textOf = ({ key, bytes, isRemoval }: StateEntry) =>
  isRemoval ? `-${key}` : `${key}=${bytes}`;
const textsOf = (entries: readonly StateEntry[]) => entries.map(textOf);
const mapOf = (entries: readonly StateEntry[]) => {
  const map = new Map<string, string>();
  for (const { key, bytes, isRemoval } of entries) {
    if (isRemoval) map.delete(key);
    else map.set(key, String(bytes));
  }
  return Object.fromEntries([...map].sort());
};

async function pair(test: BusTest, limits?: Partial<StateLimits>) {
  const states = [new BenchState(test, await test.up()), new BenchState(test, await test.up())];
  for (const state of states) await state.open(limits);
  return states as [BenchState, BenchState];
}

export const STATE_TESTS: readonly StateTest[] = [
  [
    'the state: has the newest change of each key, in the order of the changes, for every bus',
    async (test, expect) => {
      const [one, two] = await pair(test);
      const empty = await two.page();
      expect([empty.entries.length, empty.end, empty.last, empty.floor]).toEqual([0, 0, 0, 0]);
      expect(/[:\s]/.test(empty.epoch)).toBe(false);
      const live = await two.follow();
      const a = await one.set('a', '1');
      const b = await one.set('b', '1');
      const again = await two.set('a', '2');
      expect(a < b && b < again).toBe(true);
      await one.change('b', undefined);
      const c = await one.set('c\n: é💧', '1');
      await test.until(() => live.length === 5);
      expect(textsOf(live)).toEqual(['a=1', 'b=1', 'a=2', '-b', 'c\n: é💧=1']);
      const offsets = live.map(({ position }) => position.offset);
      expect(live.map(({ previous }) => previous)).toEqual([0, ...offsets.slice(0, 4)]);
      for (const state of [one, two]) {
        const page = await state.page();
        expect(textsOf(page.entries)).toEqual(['a=2', '-b', 'c\n: é💧=1']);
        expect(page.entries).toEqual(
          live.slice(2).map((entry, i) => {
            return { ...entry, ageMs: page.entries[i]?.ageMs };
          }),
        );
        expect([page.epoch, page.end, page.last]).toEqual([live[0]!.position.epoch, c, c]);
      }
      expect(textsOf(await two.all(again, 1))).toEqual(['-b', 'c\n: é💧=1']);
      const nothing = await one.page(c);
      expect([nothing.entries.length, nothing.end, nothing.last]).toEqual([0, c, c]);
    },
  ],
  [
    'the state: changes a key only if it has the expected version, and says what it has',
    async (test, expect) => {
      const [one, two] = await pair(test);
      expect(await one.change('a', '1', 7)).toEqual({ conflict: null });
      expect(await one.change('a', undefined)).toEqual({ conflict: null });
      const first = await one.change('a', '1', 0);
      const { offset } = (first as { position: { offset: number } }).position;
      for (const expected of [0, offset - 1, offset + 1]) {
        const refused = (await two.change('a', '2', expected)) as { conflict: StateEntry };
        expect(textOf(refused.conflict)).toBe('a=1');
        expect(refused.conflict.position.offset).toBe(offset);
      }
      expect('position' in (await two.change('a', '2', offset))).toBe(true);
      expect('conflict' in (await one.change('a', undefined, offset))).toBe(true);
      const last = (await one.page()).last;
      expect('position' in (await one.change('a', undefined, last))).toBe(true);
      expect(await one.change('a', '3', last)).toEqual({ conflict: null });
      expect('position' in (await one.change('a', '3', 0))).toBe(true);
      expect(textsOf((await two.page()).entries)).toEqual(['a=3']);
    },
  ],
  [
    'the state: of changes of a version at the same time, one is stored',
    async (test, expect) => {
      const both = await pair(test);
      let stored = 0;
      await test.of(
        Promise.all(
          both.map(async (state) => {
            for (let version = 0, count = 0; count < 25; ) {
              const answer = await state.begin('sum', `${stored + 1}`, version);
              if ('position' in answer) {
                stored += 1;
                count += 1;
                version = answer.position.offset;
              } else if ('conflict' in answer) version = answer.conflict!.position.offset;
            }
          }),
        ),
      );
      const { entries, last } = await both[0].page();
      expect([stored, last]).toEqual([50, entries[0]!.position.offset]);
      expect(textsOf(entries)).toEqual(['sum=50']);
    },
  ],
  [
    'the state: an id is stored once, from wherever it comes',
    async (test, expect) => {
      const [one, two] = await pair(test);
      const first = await one.change('a', '1', 0, 'x');
      await two.set('a', '2');
      expect(await two.change('a', '1', 0, 'x')).toEqual(first);
      expect(await one.change('a', '1', undefined, 'x')).toEqual(first);
      expect(textsOf((await one.page()).entries)).toEqual(['a=2']);
    },
  ],
  [
    'the state: refuses what is over its limits, and says which',
    async (test, expect) => {
      const [one, two] = await pair(test, { keys: 2, bytes: 22 });
      await one.set('a', '123456789');
      await two.set('b', '123456789');
      expect(await one.change('c', '1')).toEqual({ full: 'keys', size: 2 });
      expect(await one.change('a', '12345678901234')).toEqual({ full: 'bytes', size: 25 });
      await one.set('a', '12345678901');
      await one.change('b', undefined);
      await one.set('c', '1');
      expect(textsOf((await two.page()).entries)).toEqual(['a=12345678901', '-b', 'c=1']);
    },
  ],
  [
    'the state: over limits that were lowered, it accepts only what makes it smaller',
    async (test, expect) => {
      const [one, two] = await pair(test);
      for (const key of ['a', 'b', 'c']) await one.set(key, '123456789');
      for (const state of [one, two]) await state.open({ keys: 2, bytes: 14 });
      expect(await two.change('d', '1')).toEqual({ full: 'keys', size: 3 });
      expect(await two.change('a', '1234567890')).toEqual({ full: 'bytes', size: 31 });
      await one.set('a', '987654321');
      await two.set('b', '123');
      await two.change('c', undefined);
      expect(await one.change('b', '1234')).toEqual({ full: 'bytes', size: 15 });
      expect(textsOf((await one.page()).entries)).toEqual(['a=987654321', 'b=123', '-c']);
    },
  ],
  [
    'the state: judges a change by the limits of the bus that asks, and not of one that was opened or has read last',
    async (test, expect) => {
      const [one, two] = await pair(test);
      for (const key of ['a', 'b', 'c']) await one.set(key, '123456789');
      for (const [i, key] of ['d', 'e'].entries()) {
        await two.open({ keys: 2, bytes: 14 });
        if (i === 0) await one.open();
        await (i === 0 ? one : two).page();
        expect(await two.change('x', '1')).toEqual({ full: 'keys', size: 3 + i });
        expect(await two.change('a', '1234567890')).toEqual({ full: 'bytes', size: 31 + 2 * i });
        await one.set(key, '1');
      }
    },
  ],
  [
    'the state: any text of up to 1,024 bytes is a key',
    async (test, expect) => {
      const [one, two] = await pair(test);
      const keys = [
        ...[' ', 'a b', '\0', 'a\0b', '.', 'a.b', '..', '*', '>', 'a.>', '\n', '1\n2', '{a}', ':'],
        ...[
          '%s',
          '%',
          '/',
          '0',
          '-1',
          'nan',
          '__proto__',
          'é💧',
          'x'.repeat(1024),
          '💧'.repeat(256),
        ],
      ];
      const live = await two.follow();
      for (const [i, key] of keys.entries()) await one.set(key, `${i}`);
      const texts = keys.map((key, i) => `${key}=${i}`);
      expect(textsOf(await two.all())).toEqual(texts);
      await test.until(() => live.length === keys.length);
      expect(textsOf(live)).toEqual(texts);
      for (const key of keys) await two.change(key, undefined);
      expect(textsOf(await one.all())).toEqual(keys.map((key) => `-${key}`));
    },
  ],
  [
    'the state: pages of a state that is written meanwhile have what it has at the end',
    async (test, expect) => {
      const [one, two] = await pair(test);
      for (let i = 0; i < 60; i++) await one.set(`k${i}`, '0');
      const read: StateEntry[] = [];
      for (let after = 0, i = 0; ; i++) {
        const page = await two.page(after, 7);
        read.push(...page.entries);
        after = page.end;
        if (i < 20) {
          await one.set(`k${(i * 11) % 60}`, `${i + 1}`);
          await one.change(`k${(i * 17 + 5) % 60}`, undefined);
        } else if (page.end >= page.last) break;
      }
      const offsets = read.map(({ position }) => position.offset);
      expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      expect(mapOf(read)).toEqual(mapOf(await one.all()));
    },
  ],
  [
    'the state: says up to where it has forgotten removals',
    async (test, expect) => {
      const [one] = await pair(test, { removals: 2, removalAgeMs: 60_000 });
      for (const key of ['a', 'b', 'c', 'd']) await one.set(key, '1');
      const removed: number[] = [];
      for (const key of ['a', 'b', 'c']) {
        await one.change(key, undefined);
        removed.push((await one.page()).last);
      }
      const page = await one.page();
      expect(textsOf(page.entries)).toEqual(['d=1', '-b', '-c']);
      expect(page.floor).toBe(removed[0]!);
      // A key that is set again has no removal any more.
      await one.set('b', '2');
      await one.change('d', undefined);
      expect((await one.page()).floor).toBe(removed[0]!);
    },
  ],
  [
    'the state: says how old a change is',
    async (test, expect) => {
      const [one, two] = await pair(test);
      const live = await two.follow();
      await one.set('a', '1');
      await test.pass(3000);
      await two.set('b', '1');
      const { conflict } = (await one.change('a', '2', 0)) as { conflict: StateEntry };
      const { entries } = await two.page();
      await test.until(() => live.length === 2);
      expect(live.map(({ ageMs }) => ageMs)).toEqual([0, 0]);
      for (const { ageMs } of [conflict, entries[0]!]) {
        expect(ageMs >= 2900 && ageMs < 60_000).toBe(true);
      }
      expect(entries[1]!.ageMs >= 0 && entries[1]!.ageMs < 2900).toBe(true);
    },
  ],
  [
    'the state: forgets removals of an age',
    async (test, expect) => {
      const [one] = await pair(test, { removalAgeMs: 1000 });
      await one.set('a', '1');
      await one.change('a', undefined);
      const { last, epoch } = await one.page();
      await test.pass(3000);
      const page = await one.page(1);
      // An engine may store that it has forgotten them, or that the state is empty.
      expect(page.epoch !== epoch || page.last >= last).toBe(true);
      expect([page.entries.length, page.end, page.floor]).toEqual([0, page.last, page.last]);
    },
  ],
  [
    'the state: carries 1 MiB less 1 KiB, and pages of such values',
    async (test, expect) => {
      const [one, two] = await pair(test);
      const live = await two.follow();
      const large = Buffer.alloc(1024 * 1024 - 1024, 'large');
      for (let i = 0; i < 5; i++) await one.change(`k${i}`, large);
      await test.until(() => live.length === 5);
      const read = await two.all();
      expect(read.map(({ key }) => key)).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
      expect([...live, ...read].every(({ bytes }) => bytes.equals(large))).toBe(true);
    },
  ],
  [
    'the state: a server is killed under changes, and what was acknowledged is stored once, in order',
    async (test, expect, { server }) => {
      const [one, two] = await pair(test);
      const acknowledged: number[] = [];
      const failures: unknown[] = [];
      for (let i = 0; i < 1500; i++) {
        one.begin(`k${i % 7}`, `${i}`).then(
          (answer) =>
            acknowledged.push((answer as { position: { offset: number } }).position.offset),
          (error: unknown) => failures.push(error),
        );
        if (i % 10 === 0) await test.pass(1);
        if (i === 500) await server.kill();
        if (i === 700) await server.start();
      }
      await test.until(() => acknowledged.length + failures.length === 1500, 60_000);
      await test.until(() => two.isUp);
      expect(failures).toEqual([]);
      expect(acknowledged).toEqual([...new Set(acknowledged)].sort((a, b) => a - b));
      const read = await two.all();
      expect(textsOf(read)).toEqual(
        Array.from({ length: 7 }, (_, i) => `k${(1493 + i) % 7}=${1493 + i}`),
      );
      expect(read.map(({ position }) => position.offset)).toEqual(acknowledged.slice(-7));
    },
  ],
  [
    'the state: fails with BUS_DOWN after 5 s without a server, and when the bus closes',
    async (test, expect, { server, clock }) => {
      const one = await test.up();
      const state = new BenchState(test, one);
      await state.open();
      await state.set('a', '1');
      await server.kill();
      await test.until(() => one.bus.state === 'down');
      const isDown = (error: unknown) => isHeadraceError(error, BUS_ERRORS.BUS_DOWN);
      const began = clock.now();
      expect(await state.change('a', '2').catch(isDown)).toBe(true);
      expect(clock.now() - began).toBeGreaterThan(4900);
      expect(await state.page().catch(isDown)).toBe(true);
      const waiting = state.begin('a', '3').catch(isDown);
      const closing = one.bus.close();
      expect(await test.of(waiting)).toBe(true);
      await test.of(closing);
      expect(await state.change('a', '4').catch(isDown)).toBe(true);
      await server.start();
    },
  ],
  [
    'the state: knows nothing about other states, not even the ids of their changes',
    async (test, expect) => {
      const both = await pair(test);
      const node = await test.up();
      const names = Array.from({ length: 80 }, (_, i) => `pother${i}`);
      const others = names.map((name) => new BenchState(test, node, name));
      const live = await both[1].follow();
      const empty = await both[1].page();
      for (const [i, other] of others.entries()) {
        await other.open();
        await other.change('a', `other ${i}`, 0, `x${i}`);
        if (i === 0) expect(await both[1].page(empty.end)).toEqual(empty);
        if (i % 8 === 0) await both[0].change(`k${i % 5}`, `${i}`, undefined, `x${i}`);
      }
      const own = ['k3=48', 'k1=56', 'k4=64', 'k2=72'];
      expect(textsOf(await both[0].all()).slice(-4)).toEqual(own);
      await test.until(() => live.length === 10);
      expect(textsOf(live).slice(-4)).toEqual(own);
      for (const [i, other] of others.entries()) {
        expect(textsOf(await other.all())).toEqual([`a=other ${i}`]);
      }
    },
  ],
  [
    'the state: without keys, it is forgotten once its removals are old, and begins again later',
    async (test, expect) => {
      const [one, two] = await pair(test, { removalAgeMs: 500 });
      await one.set('a', '1');
      await one.change('a', undefined);
      const before = await two.page();
      await test.pass(3000);
      const { entries, epoch, last, floor } = await two.page();
      expect(entries).toEqual([]);
      // A reader of what was before begins again, or has nothing to forget.
      expect(epoch !== before.epoch || (last === before.last && floor === last)).toBe(true);
      expect(await one.change('a', '2', before.last)).toEqual({ conflict: null });
      await one.change('a', '3', 0);
      await two.set('b', '4');
      expect(textsOf(await two.all())).toEqual(['a=3', 'b=4']);
    },
  ],
  [
    'the state: is there for a node that has released it and opens it again',
    async (test, expect) => {
      const [one, two] = await pair(test);
      const first = await one.set('a', '1');
      one.release();
      await one.open();
      expect(textsOf(await one.all())).toEqual(['a=1']);
      const live = await one.follow();
      one.release();
      const second = await two.set('a', '2');
      await test.until(() => live.length === 1);
      expect(second).toBeGreaterThan(first);
      const third = await one.set('b', '3');
      expect(third).toBeGreaterThan(second);
      expect(textsOf(await two.all())).toEqual(['a=2', 'b=3']);
    },
  ],
];
