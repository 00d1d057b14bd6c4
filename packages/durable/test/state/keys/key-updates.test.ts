import { setImmediate as turn } from 'node:timers/promises';
import { type StateGroupOptions, stateGroup } from '@headrace/durable';
import type { StateEntry } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { VirtualNodes } from '../../../../cluster/test/help/virtual-nodes.ts';
import { RowWrites } from '../../../src/state/database/row-writes.ts';

/** Two nodes with one group, of which the first one keeps the state. */
async function pair(options: StateGroupOptions<number> = {}) {
  const nodes = new VirtualNodes();
  const clusters = [await nodes.join(), await nodes.join()] as const;
  const [a, b] = [
    stateGroup<number>(clusters[0], 'room', options),
    stateGroup<number>(clusters[1], 'room', options),
  ];
  const of = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {});
    await nodes.pass(60);
    return promise;
  };
  return { nodes, clusters, a, b, of };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
const each = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

describe('updates of one key', () => {
  it.each([
    ['that keeps the state', 'always', 300],
    // The first try of what waits brings the value.
    ['that does not', 'with-members', 599],
  ] as const)(
    'at once, on a node %s, are two writes, and a call each',
    async (_, listens, maxCalls) => {
      const count = 300;
      const { a, of } = await pair({ listens, changesPerSecond: 2 });
      let calls = 0;
      const updates = each(count, () =>
        a.update('likes', (likes = 0) => {
          calls += 1;
          return likes + 1;
        }),
      );
      const answers = await of(Promise.all(updates));
      expect(answers.map((answer) => answer?.value)).toEqual(each(count, (at) => at + 1));
      expect([calls, a.counters.stored, a.counters.failed]).toEqual([maxCalls, 2, 0]);
      expect(await of(a.get('likes'))).toEqual({ value: count, version: 2 });
      expect(answers.map((answer) => answer?.version)).toEqual([...each(count - 1, () => 1), 2]);
    },
  );

  it('on several nodes lose none, and cost each node a write for each of the others', async () => {
    const { nodes, a, b, of } = await pair();
    let calls = 0;
    const like = (likes = 0): number => {
      calls += 1;
      return likes + 1;
    };
    const updates = each(200, (at) => (at % 2 === 0 ? a : b).update('likes', like));
    await nodes.pass(500);
    const values = (await Promise.all(updates)).map((answer) => answer?.value);
    expect(values.sort((one, other) => one! - other!)).toEqual(each(200, (at) => at + 1));
    expect(calls).toBeLessThan(600);
    expect((await of(a.get('likes')))?.version).toBeLessThan(8);
  });

  it('go on with a value that has been replaced only by another update', async () => {
    const { a, of } = await pair();
    await of(a.set('a', 1));
    const values = [1, 2, 3].map((add) => a.update('a', (value) => value! + add));
    const [first, second, third] = await of(Promise.all(values));
    expect([first, second, third]).toEqual([
      { value: 2, version: 2 },
      { value: 4, version: 2 },
      { value: 7, version: 3 },
    ]);
    const late = a.set('a', 40, { version: second!.version });
    expect(await of(codeOf(late))).toBe('HR_ERR_STATE_CONFLICT');
    await of(a.set('a', 8, { version: third!.version }));
  });

  it('fail alone: by their functions, and by a value that cannot be stored', async () => {
    const { a, of } = await pair({ maxValueBytes: 4 });
    const outcomes = await of(
      Promise.allSettled([
        a.update('a', () => 1),
        a.update('a', () => {
          throw new Error('not today');
        }),
        a.update('a', (value) => value! + 1),
        a.update('a', () => 12_345),
        a.update('a', (value) => value),
        a.update('a', (value) => value! + 1),
      ]),
    );
    const seen = outcomes.map((one) =>
      one.status === 'fulfilled' ? one.value?.value : (one.reason.code ?? one.reason.message),
    );
    expect(seen).toEqual([1, 'not today', 2, 'HR_ERR_MESSAGE_TOO_LONG', 2, 3]);
    expect((await of(a.get('a')))?.value).toBe(3);
  });

  it('call no function again that has thrown', async () => {
    const { a, of } = await pair({ maxValueBytes: 4 });
    let calls = 0;
    const throwing = (): number => {
      calls += 1;
      if (calls === 1) throw new Error('once');
      return 50;
    };
    const all = [
      a.update('a', () => 1),
      a.update('a', throwing),
      a.update('a', () => 12_345),
      a.update('a', (value) => value! + 1),
    ];
    expect(await of(Promise.all(all.map(codeOf)))).toEqual([
      'none',
      'once',
      'HR_ERR_MESSAGE_TOO_LONG',
      'none',
    ]);
    expect([calls, (await of(a.get('a')))?.value]).toEqual([1, 2]);
  });

  it('write nothing if nothing changes, and write a value that was changed back', async () => {
    const { a, of } = await pair();
    await of(a.set('a', 1));
    const same = await of(Promise.all(each(5, () => a.update('a', (value) => value))));
    expect(same).toEqual(each(5, () => ({ value: 1, version: 1 })));
    const back = [0, 1, -1].map((add) => a.update('a', (value) => value! + add));
    const [, up, down] = await of(Promise.all(back));
    expect([up, down]).toEqual([
      { value: 2, version: 1 },
      { value: 1, version: 2 },
    ]);
  });

  it('remove the key, and make it again', async () => {
    const { a, of } = await pair();
    const all = [
      () => 1,
      () => 2,
      () => undefined,
      (value?: number) => value ?? 9,
      () => undefined,
    ];
    const answers = await of(Promise.all(all.map((change) => a.update('a', change))));
    expect(answers.map((answer) => answer?.value)).toEqual([1, 2, undefined, 9, undefined]);
    expect(await of(a.get('a'))).toBe(undefined);
  });

  it('keep the life that each asks for', async () => {
    const { nodes, a, of } = await pair({ listens: 'always' });
    const member = await nodes.member();
    const all = [
      a.update('a', () => 1),
      a.update('a', () => 2, { ttlMs: 600 }),
      a.update('a', () => 3, { ttlMs: 600 }),
      a.update('a', () => 4, { channel: member.channel }),
    ];
    expect((await of(Promise.all(all))).map((answer) => answer?.version)).toEqual([1, 1, 2, 3]);
    await nodes.pass(1000);
    expect((await of(a.get('a')))?.value).toBe(4);
    member.channel.abort();
    await nodes.pass(1000);
    expect(await of(a.get('a'))).toBe(undefined);
  });

  it('that wait are stored before the node leaves', async () => {
    const { nodes, clusters, a, b, of } = await pair();
    const updates = each(20, () => a.update('sum', (sum = 0) => sum + 1));
    const leaving = clusters[0].leave();
    await nodes.pass(500);
    await Promise.all([leaving, ...updates]);
    expect((await of(b.get('sum')))?.value).toBe(20);
  });

  it('all fail when the store is down', async () => {
    const { nodes, a } = await pair();
    nodes.hub.kill();
    await nodes.pass(50);
    const codes = Promise.all(each(3, () => codeOf(a.update('a', () => 1))));
    await nodes.pass(11_000);
    expect(await codes).toEqual(each(3, () => 'HR_ERR_BUS_DOWN'));
  });
});

it('rows of one key that are set at once ask the store for each about once', async () => {
  let entry: StateEntry | null = null;
  let asked = 0;
  const writes = new RowWrites<number>({
    view: () => undefined,
    decoded: ({ key, position, id }) => {
      const kept = { value: Number(id), version: position.offset };
      return { key, position, kept, rowVersion: kept.value, message: undefined };
    },
    store: async ({ key, rowVersion }, expected) => {
      asked += 1;
      await turn();
      const version = entry?.position.offset ?? 0;
      if (version !== expected) return { conflict: entry };
      const position = { epoch: 'e', offset: version + 1 };
      entry = { key, position, id: String(rowVersion) } as StateEntry;
      return { position };
    },
    changedTooOften: (key) => new Error(`${key} changed too often`),
  });
  const sets = each(200, (at) => writes.set({ key: 'a', value: at, rowVersion: at }));
  const outcomes = await Promise.all(sets);
  expect(outcomes.every(({ isStored }) => isStored)).toBe(true);
  expect(asked).toBeLessThanOrEqual(400);
});

it('rows that wait are stored before the node leaves', async () => {
  const getState = async () => [];
  const { nodes, clusters, a } = await pair({ getState, refreshMs: 600_000 });
  const sets = each(20, (at) => codeOf(a.set('a', at, { rowVersion: at })));
  const leaving = clusters[0].leave();
  await nodes.pass(500);
  await leaving;
  expect(await Promise.all(sets)).toEqual(each(20, () => 'none'));
});
