import { setImmediate as turn } from 'node:timers/promises';
import { isHeadraceError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import {
  DURABLE_ERRORS,
  type StateGroup,
  type StateGroupOptions,
  type StateRow,
  stateGroup,
} from '@headrace/durable';
import { describe, expect, it } from 'vitest';
import { VirtualNodes } from '../../../../cluster/test/help/virtual-nodes.ts';
import { statesIn } from '../../../../store/test/fixture/engines.ts';
import type { RowWrites } from '../../../src/state/database/row-writes.ts';
import { StateSource } from '../../../src/state/database/state-source.ts';
import { StateView } from '../../../src/state/state-view.ts';
import { Database } from '../../help/database.ts';
import { words } from '../../help/state-words.ts';

/** Two nodes with one group, whose truth is in a database. */
async function pair(options: StateGroupOptions<number> = {}) {
  const nodes = new VirtualNodes();
  const database = new Database();
  const { getState } = database;
  const clusters = [await nodes.join(), await nodes.join()] as const;
  const [a, b] = clusters.map((one) =>
    stateGroup<number>(one, 'room', { getState, refreshMs: false, ...options }),
  );
  const of = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {});
    await nodes.pass(60);
    return promise;
  };
  return {
    ...{ nodes, database, clusters, of },
    a: a as StateGroup<number>,
    b: b as StateGroup<number>,
  };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code?: string }) => error.code,
  );

const values = async (group: StateGroup<number>) =>
  Object.fromEntries(Array.from(await group.entries(), ([key, { value }]) => [key, value]));

/** The store loses everything. */
async function loseStore(nodes: VirtualNodes): Promise<void> {
  nodes.hub.kill();
  await nodes.pass(50);
  const states = statesIn(nodes.hub.relay);
  states.clear();
  nodes.hub.start();
}

describe('a state group with a database', () => {
  it('gives a member the rows of the database, of which the group was never told', async () => {
    const { nodes, database, a, b, of } = await pair();
    database.put('a', 1);
    database.put('b', 2);
    const [one, two] = [await nodes.member(), await nodes.member()];
    await of(a.join(one.channel));
    expect(words(one.got)).toEqual(['begin', 'a=1@1', 'b=2@2', 'ready@2']);
    await of(b.join(two.channel));
    expect(words(two.got)).toEqual(['begin', 'a=1@1', 'b=2@2', 'ready@2']);
    const { offset } = await of(a.set('a', 3, { rowVersion: database.put('a', 3) }));
    expect([offset, words(one.got).at(-1), words(two.got).at(-1)]).toEqual([3, 'a=3@3', 'a=3@3']);
    expect(database.reads).toBe(2);
  });

  it('lets members wait for the database, and gives them nothing that is older', async () => {
    const { nodes, database, a, b, of } = await pair();
    await of(b.set('a', 1, { rowVersion: database.put('a', 1) }));
    await of(b.set('gone', 1, { rowVersion: database.put('gone', 1) }));
    database.put('a', 2);
    database.drop('gone');
    const one = await nodes.member();
    database.instead = () =>
      new Promise((resolve) => {
        nodes.clock.schedule(() => resolve([...database.rows.values()]), 300);
      });
    const joining = a.join(one.channel);
    await nodes.pass(200);
    expect(one.got).toEqual([]);
    await nodes.pass(200);
    expect((await joining).position.offset).toBe(4);
    expect(words(one.got)).toEqual(['begin', 'a=2@3', 'ready@4']);
  });

  it('passes over a change that is in the database and was told before', async () => {
    const { nodes, database, a, b, of } = await pair();
    const rowVersion = database.put('a', 1);
    const one = await nodes.member();
    await of(a.join(one.channel));
    expect((await of(b.set('a', 1, { rowVersion }))).offset).toBe(1);
    expect((await of(a.set('a', 1, { rowVersion }))).offset).toBe(1);
    expect(words(one.got)).toEqual(['begin', 'a=1@1', 'ready@1']);
    expect([a.counters.stored, a.counters.failed, b.counters.stored]).toEqual([0, 0, 0]);
  });

  it('keeps the newer of two changes that are told in the wrong order', async () => {
    const { nodes, database, a, b, of } = await pair();
    const one = await nodes.member();
    await of(a.join(one.channel));
    const [first, second] = [database.put('a', 1), database.put('a', 2)];
    await of(b.set('a', 2, { rowVersion: second }));
    await of(b.set('a', 1, { rowVersion: first }));
    await of(a.set('a', 1, { rowVersion: first }));
    const last = database.drop('a');
    expect(await of(b.delete('a', { rowVersion: first }))).toBe(false);
    expect(await of(b.delete('a', { rowVersion: last }))).toBe(true);
    expect(await of(b.delete('a', { rowVersion: last }))).toBe(false);
    expect(words(one.got)).toEqual(['begin', 'ready@0', 'a=2@1', '-a@2']);
  });

  it('does not bring back a key whose removal is newer', async () => {
    const { nodes, database, a, b, of } = await pair();
    const one = await nodes.member();
    await of(a.join(one.channel));
    const late = database.put('a', 1);
    await of(a.set('a', 1, { rowVersion: late }));
    await of(a.delete('a', { rowVersion: database.drop('a') }));
    await of(a.set('a', 1, { rowVersion: late }));
    // The other node does not keep the state, so it cannot know the removal.
    await of(b.set('a', 1, { rowVersion: late }));
    expect(words(one.got)).toEqual(['begin', 'ready@0', 'a=1@1', '-a@2', '-a@4']);
    expect(await of(values(b))).toEqual({});
    await of(b.set('a', 5, { rowVersion: database.put('a', 5) }));
    expect(words(one.got).at(-1)).toBe('a=5@5');
  });

  it('does not bring back a key that this node has not seen removed', async () => {
    const { nodes, database, a, b, of } = await pair();
    const one = await nodes.member();
    await of(a.join(one.channel));
    const late = database.put('a', 1);
    await of(b.set('a', 2, { rowVersion: database.put('a', 2) }));
    // The node misses live changes, and reads only the newest one of the key. It cannot remove the key at once.
    const state = statesIn(nodes.hub.relay).of('hr.pvirtual.s.proom') as unknown as {
      followers: Set<unknown>;
      append: (id: string, write: { isRemoval: boolean }, now: number) => unknown;
    };
    const followers = [...state.followers];
    state.followers.clear();
    await of(b.delete('a', { rowVersion: database.drop('a') }));
    await of(b.set('a', 1, { rowVersion: late }));
    for (const follower of followers) state.followers.add(follower);
    const append = state.append.bind(state);
    state.append = (id, write, now) => {
      if (write.isRemoval) throw new Error('not now');
      return append(id, write, now);
    };
    await of(b.set('b', 1, { rowVersion: database.put('b', 1) }));
    expect(words(one.got)).toEqual(['begin', 'ready@0', 'a=2@1', '-a@3', 'b=1@4']);
    state.append = append;
    await nodes.pass(1000);
    expect(await of(values(b))).toEqual({ b: 1 });
  });

  it('brings back a row that one read has missed', async () => {
    const { nodes, database, a, of } = await pair();
    const one = await nodes.member();
    database.put('a', 1);
    await of(a.join(one.channel));
    database.instead = () => [];
    await of(a.refresh());
    database.instead = undefined;
    await of(a.refresh());
    expect(words(one.got)).toEqual(['begin', 'a=1@1', 'ready@1', '-a@2', 'a=1@3']);
  });

  it('finds changes of which the group was not told, at a call or after a time', async () => {
    const { nodes, database, a, b, of } = await pair({ refreshMs: 1000 });
    const one = await nodes.member();
    await of(a.join(one.channel));
    database.put('a', 1);
    await of(b.refresh());
    expect(words(one.got).slice(2)).toEqual(['a=1@1']);
    database.put('a', 2);
    database.put('b', 1);
    await nodes.pass(1100);
    expect(words(one.got).slice(3)).toEqual(['a=2@2', 'b=1@3']);
    database.drop('b');
    await nodes.pass(1100);
    expect(words(one.got).slice(5)).toEqual(['-b@4']);
    await nodes.pass(5000);
    expect(words(one.got).length).toBe(6);
  });

  it('does not read the database at nodes that do not keep the state', async () => {
    const { nodes, database, a, b, of } = await pair({ refreshMs: 1000 });
    const one = await nodes.member();
    await of(a.join(one.channel));
    await of(b.set('a', 1, { rowVersion: database.put('a', 1) }));
    expect(database.reads).toBe(1);
    one.channel.close();
    await nodes.pass(5000);
    expect(database.reads).toBe(1);
  });

  it('answers a refresh by a read that begins after the call', async () => {
    const { nodes, database, a, of } = await pair();
    const one = await nodes.member();
    await of(a.join(one.channel));
    const rows: (() => void)[] = [];
    database.instead = () => {
      const now = [...database.rows.values()];
      return new Promise((resolve) => rows.push(() => resolve(now)));
    };
    const first = a.refresh();
    await nodes.pass(20);
    database.put('a', 1);
    let isRefreshed = false;
    const second = a.refresh().then(() => {
      isRefreshed = true;
    });
    rows.shift()!();
    await nodes.pass(50);
    await first;
    expect([isRefreshed, words(one.got)]).toEqual([false, ['begin', 'ready@0']]);
    rows.shift()!();
    await of(second);
    expect(words(one.got).at(-1)).toBe('a=1@1');
  });

  it('takes rows one after the other, and rows without versions', async () => {
    const given: StateRow<number>[] = Array.from({ length: 300 }, (_, i) => ({
      key: `k${i}`,
      value: i,
    }));
    const { nodes, a, b, of } = await pair({
      getState: async function* () {
        yield* given;
      },
    });
    const one = await nodes.member();
    await of(a.join(one.channel));
    expect(words(one.got).length).toBe(302);
    given[7] = { key: 'k7', value: 70 };
    await of(a.refresh());
    await of(b.refresh());
    expect(words(one.got).slice(302)).toEqual(['k7=70@301']);
    await of(b.set('k7', 71));
    given.length = 7;
    await of(a.refresh());
    expect(Object.keys(await of(values(a))).length).toBe(7);
  });

  it('keeps a change that is told during a read, if its row has no version', async () => {
    let rows: (() => void) | undefined;
    const { nodes, a, b, of } = await pair({
      getState: () =>
        new Promise((resolve) => {
          rows = () => resolve([{ key: 'a', value: 1 }]);
        }),
    });
    const one = await nodes.member();
    const joining = a.join(one.channel);
    await nodes.pass(50);
    await of(b.set('a', 2));
    await of(b.set('new', 1));
    rows!();
    await of(joining);
    expect(words(one.got)).toEqual(['begin', 'a=2@1', 'new=1@2', 'ready@2']);
  });

  it('shows nothing of a store that lost its changes before the database was read', async () => {
    const { nodes, database, a, of } = await pair();
    const one = await nodes.member();
    await of(a.join(one.channel));
    for (const key of ['a', 'b']) await of(a.set(key, 1, { rowVersion: database.put(key, 1) }));
    database.instead = () =>
      new Promise((resolve) => {
        nodes.clock.schedule(() => resolve([...database.rows.values()]), 300);
      });
    await loseStore(nodes);
    await nodes.pass(5000);
    expect(words(one.got).slice(4)).toEqual(['again', 'begin', 'a=1@1', 'b=1@2', 'ready@2']);
  });

  it('keeps what its members have while the database fails, and tries again', async () => {
    const { nodes, database, a, of } = await pair();
    const one = await nodes.member();
    database.put('a', 1);
    await of(a.join(one.channel));
    database.put('a', 2);
    const wrong: (() => unknown)[] = [
      () => {
        throw new Error('no connection');
      },
      () => 'rows',
      () => [{ key: 'b', value: 1 }, null],
      () => [{ key: 'b' }],
      () => [{ key: '', value: 1 }],
      () => [{ key: 'b', value: 1, rowVersion: -1 }],
      () => [{ key: 'b', value: 1, rowVersion: '1' }],
      () => [{ key: 'b', value: 'x'.repeat(70_000) }],
      () => Array.from({ length: 10_001 }, (_, i) => ({ key: `k${i}`, value: i })),
      () => [
        { key: 'b', value: 1 },
        { key: 'b', value: 2 },
      ],
    ];
    const texts: string[] = [];
    for (const instead of wrong) {
      database.instead = instead;
      const error = await of(a.refresh().catch((thrown: unknown) => thrown));
      expect(isHeadraceError(error, DURABLE_ERRORS.STATE_NOT_READ)).toBe(true);
      texts.push((error as Error).message.replace('getState of the state group room failed: ', ''));
    }
    expect(texts).toEqual([
      'no connection',
      'it returned rows, but rows are an iterable or an async iterable',
      'row 2 is not valid: a row has a key, a value, and maybe a rowVersion, which is a whole number from 0',
      'row 1 is not valid: a row has a key, a value, and maybe a rowVersion, which is a whole number from 0',
      'row 1 ("") is not valid: a text of 0 bytes cannot be a key of the state group room: a key is a text of 1 to 256 bytes in UTF-8 (maxKeyBytes)',
      'row 1 is not valid: a row has a key, a value, and maybe a rowVersion, which is a whole number from 0',
      'row 1 is not valid: a row has a key, a value, and maybe a rowVersion, which is a whole number from 0',
      'row 1 ("b") is not valid: a value of 70000 bytes, but maxValueBytes of the state group room is 64512',
      'more than 10000 rows (maxKeys) came',
      'the key "b" came twice',
    ]);
    expect(words(one.got)).toEqual(['begin', 'a=1@1', 'ready@1']);
    expect(nodes.lines.length).toBe(wrong.length);
    expect(new Set(nodes.lines)).toEqual(
      new Set(['the state group room was not compared with its database']),
    );
    database.instead = undefined;
    await nodes.pass(30_000);
    expect(words(one.got).slice(3)).toEqual(['a=2@2']);
  });

  it('waits longer after each failure', async () => {
    const { nodes, database, a } = await pair();
    const times: number[] = [];
    database.instead = () => {
      times.push(nodes.clock.now());
      throw new Error('away');
    };
    const one = await nodes.member();
    const joining = codeOf(a.join(one.channel));
    const other = codeOf(a.get('a'));
    await nodes.pass(5100);
    expect(await Promise.all([joining, other])).toEqual(Array(2).fill('HR_ERR_STATE_NOT_READ'));
    const waits = times.slice(1).map((time, i) => time - times[i]!);
    expect(waits.map((ms) => Math.round(ms / 10) * 10)).toEqual([380, 760, 1500]);
  });

  it.each([
    [false as const, 1],
    [60_000, 1],
    [10_000, 0],
  ])(
    'tells of rows that do not come, with getStateTimeoutMs %s',
    async (getStateTimeoutMs, count) => {
      const getState = () => new Promise<never>(() => {});
      const { nodes, a } = await pair({ getStateTimeoutMs, getState });
      const one = await nodes.member();
      a.join(one.channel).catch(() => {});
      await nodes.pass(9900);
      const slow = () =>
        nodes.lines.filter((line) => line.includes('has not given all rows for 10 s'));
      expect(slow()).toEqual([]);
      await nodes.pass(200);
      expect(slow()).toHaveLength(count);
      if (count === 1) expect(slow()[0]).toContain('and members wait for it');
    },
  );

  it('gives up rows that take too long, and lets their source know', async () => {
    const signals: AbortSignal[] = [];
    let released = 0;
    const { nodes, a } = await pair({
      getStateTimeoutMs: 7000,
      getState: ({ signal }) => {
        signals.push(signal);
        return {
          [Symbol.asyncIterator]: () => ({
            next: () => new Promise(() => {}),
            return: async () => {
              released += 1;
              return { done: true, value: undefined };
            },
          }),
        };
      },
    });
    const one = await nodes.member();
    let code: string | undefined = 'none yet';
    void codeOf(a.join(one.channel)).then((given) => {
      code = given;
    });
    await nodes.pass(6900);
    expect([code, signals[0]!.aborted, released]).toEqual(['none yet', false, 0]);
    await nodes.pass(200);
    expect([signals[0]!.aborted, released]).toEqual([true, 1]);
    await nodes.pass(3500);
    expect(code).toBe('HR_ERR_STATE_NOT_READ');
    expect(a.has(one.channel)).toBe(false);
    await nodes.pass(20_000);
    expect(signals.length).toBe(2);
    expect(signals[1]!.aborted).toBe(true);
  });

  it('fails a refresh with the reason if the store does not take the rows', async () => {
    const { nodes, database, a, b, of } = await pair({ maxBytes: 60 });
    const one = await nodes.member();
    await of(a.join(one.channel));
    for (const key of ['a', 'b', 'c']) database.put(key, 1);
    expect(await of(codeOf(b.refresh()))).toBe('HR_ERR_STATE_BYTES_FULL');
    await nodes.pass(5000);
    nodes.hub.kill();
    await nodes.pass(100);
    const failing = codeOf(b.refresh());
    await nodes.pass(11_000);
    expect(await failing).toBe('HR_ERR_BUS_DOWN');
    nodes.hub.start();
    await nodes.pass(3000);
  });

  it('takes the rows of a full state in any order, if they fit in the end', async () => {
    const count = 200;
    const rowsOf = (name: string, numberOf: (i: number) => number, versions: number) =>
      Array.from({ length: count }, (_, i) => ({
        ...{ key: `${name}${i}`, value: numberOf(i), rowVersion: versions + i },
      }));
    let rows = rowsOf('a', () => 1, 1);
    const { a, of } = await pair({ maxKeys: count, getState: () => rows });
    await of(a.refresh());
    rows = rowsOf('b', () => 2, 1000);
    await of(a.refresh());
    expect(Object.entries(await of(values(a)))).toEqual(rows.map(({ key }) => [key, 2]));
    const long = 10 ** 15;
    const other = await pair({ maxBytes: 52 * count, getState: () => rows });
    rows = rowsOf('a', (i) => (i < count / 2 ? 1 : long), 2000);
    await other.of(other.a.refresh());
    rows = rowsOf('a', (i) => (i < count / 2 ? long : 1), 3000);
    await other.of(other.a.refresh());
    const present = await other.of(values(other.a));
    expect(rows.filter(({ key, value }) => present[key] !== value)).toEqual([]);
    rows = rowsOf('a', () => long, 4000);
    expect(await other.of(codeOf(other.a.refresh()))).toBe('HR_ERR_STATE_BYTES_FULL');
  });

  it('stores a row without a version once, even if it has another type in JSON', async () => {
    for (const value of [new Date(0), { toJSON: () => 'x' }, Object('x'), [new Date(0)], -0]) {
      const { nodes, a, of } = await pair({ getState: () => [{ key: 'a', value }] });
      const one = await nodes.member();
      await of(a.join(one.channel));
      await of(a.refresh());
      expect([value, words(one.got).slice(2)]).toEqual([value, ['ready@1']]);
    }
  });

  it('does not bring back a row whose removal came during the read and is forgotten', async () => {
    const { nodes, database, a, of } = await pair({ removals: 1 });
    const one = await nodes.member();
    for (const key of ['a', 'b', 'c']) database.put(key, 1);
    await of(a.join(one.channel));
    let give = () => {};
    database.instead = () => {
      const now = [...database.rows.values()];
      return new Promise((resolve) => {
        give = () => resolve(now);
      });
    };
    const refreshing = a.refresh().catch((error: unknown) => error);
    await nodes.pass(20);
    for (const key of ['a', 'b']) await of(a.delete(key, { rowVersion: database.drop(key) }));
    database.instead = undefined;
    database.put('c', 2);
    give();
    await nodes.pass(20);
    const error = await refreshing;
    expect(isHeadraceError(error, DURABLE_ERRORS.STATE_NOT_READ)).toBe(true);
    expect((error as Error).message).toContain('(removals)');
    await nodes.pass(1000);
    expect(words(one.got).slice(5)).toEqual(['-a@4', '-b@5', 'c=2@6']);
    expect(await of(values(a))).toEqual({ c: 2 });
  });

  it('lives on if getState removes the last member', async () => {
    const { nodes, database, a, of } = await pair();
    database.put('a', 1);
    const one = await nodes.member();
    database.instead = () => void a.remove(one.channel);
    expect(await of(codeOf(a.join(one.channel)))).toBe('HR_ERR_CHANNEL_CLOSED');
    database.instead = undefined;
    await of(a.join(one.channel));
    expect(words(one.got)).toEqual(['begin', 'a=1@1', 'ready@1']);
  });

  it('refuses what the database decides about', async () => {
    const { nodes, a, of } = await pair();
    const { channel } = await nodes.member();
    const calls = [
      a.set('a', 1, { version: 0 }),
      a.set('a', 1, { ttlMs: 5 }),
      a.set('a', 1, { channel }),
      a.delete('a', { version: 1 }),
      a.update('a', () => 1),
    ];
    expect(await of(Promise.all(calls.map(codeOf)))).toEqual(
      calls.map(() => 'HR_ERR_OPTION_CONFLICT'),
    );
    const plain = stateGroup<number>(await nodes.join(), 'plain');
    expect(await codeOf(plain.refresh())).toBe('HR_ERR_OPTION_CONFLICT');
    expect(await codeOf(plain.set('a', 1, { rowVersion: 1 }))).toBe('HR_ERR_OPTION_CONFLICT');
    const other = await nodes.join();
    expect(() => stateGroup(other, 'late', { refreshMs: 5 })).toThrow('getState');
  });

  it('ends a refresh with its node', async () => {
    const { nodes, database, clusters, a } = await pair();
    database.instead = () => new Promise(() => {});
    const failing = codeOf(a.refresh());
    await nodes.pass(50);
    const leaving = clusters[0].leave();
    await nodes.pass(500);
    await leaving;
    expect(await failing).toBe('HR_ERR_BUS_DOWN');
  });
});

it('a read that another one has replaced does not end the wait for the new one', async () => {
  const told: ((isAny: boolean) => void)[] = [];
  const tell = () => new Promise<boolean>((resolve) => told.push(resolve));
  const view = new StateView<number>('e', 10);
  const plan = { getState: async () => [], refreshMs: 1000, timeoutMs: 1000 };
  const source = new StateSource<number>(
    {
      clock: new VirtualClock(),
      logger: { log: () => {} },
      group: 'room',
      maxKeys: 10,
      writes: { tell } as unknown as RowWrites<number>,
      random: () => 0.5,
      view: () => view,
      caughtUp: async () => {},
      agreed: () => {},
      checkRow: () => {},
      isSame: () => true,
    },
    plan,
  );
  source.begin();
  await turn();
  source.restart();
  source.begin();
  await turn();
  told[0]!(true);
  await turn();
  expect([source.isUnderWay, source.hasAgreed]).toEqual([true, false]);
  told[1]!(true);
  await turn();
  expect([source.isUnderWay, source.hasAgreed]).toEqual([false, true]);
});
