import { BUS_ERRORS, memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { isHeadraceError, type RejectedError } from '@headrace/core';
import {
  DURABLE_ERRORS,
  type StateGroup,
  type StateGroupOptions,
  stateGroup,
} from '@headrace/durable';
import { statesOf } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';
import { statesIn } from '../../../store/test/fixture/engines.ts';
import { words } from '../help/state-words.ts';

/** Two nodes with one group. */
async function pair(options: StateGroupOptions<number> = {}) {
  const nodes = new VirtualNodes();
  const clusters = [await nodes.join(), await nodes.join()] as const;
  const [a, b] = clusters.map((one) => stateGroup<number>(one, 'room', options));
  const of = async <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => {});
    await nodes.pass(60);
    return promise;
  };
  return { nodes, clusters, a: a as StateGroup<number>, b: b as StateGroup<number>, of };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code?: string }) => error.code,
  );

describe('a state group', () => {
  it('gives a member the state, and then each change once, on every node', async () => {
    const { nodes, a, b, of } = await pair();
    for (let i = 0; i < 20; i++) void a.set(`k${i % 2}`, i);
    await nodes.pass(60);
    const [one, two] = [await nodes.member(), await nodes.member()];
    const joined = await of(Promise.all([a.join(one.channel), b.join(two.channel)]));
    for (const { recovered, position, count } of joined) {
      expect([recovered, position.offset, count]).toEqual([false, 20, 2]);
    }
    await of(b.set('k0', 50));
    expect(await of(a.delete('k1'))).toBe(true);
    expect(await of(a.delete('k1'))).toBe(false);
    for (const { got } of [one, two]) {
      expect(words(got)).toEqual([
        'begin',
        'k0=18@19',
        'k1=19@20',
        'ready@20',
        'k0=50@21',
        '-k1@22',
      ]);
    }
    expect(one.got[1]).toEqual({ type: 'set', group: 'room', key: 'k0', value: 18, version: 19 });
    expect([a.size, a.has(one.channel), a.has(two.channel), [...b]]).toEqual([
      1,
      true,
      false,
      [two.channel],
    ]);
    expect(b.counters).toEqual({ stored: 1, failed: 0, received: 4 });
  });

  it('gives a member that comes back what has changed, or the whole state when removals are forgotten', async () => {
    const { nodes, a, of } = await pair({ removals: 1 });
    const kept = await nodes.member();
    await of(a.join(kept.channel));
    for (const key of ['a', 'b', 'c']) await of(a.set(key, 1));
    const { position } = await of(a.join(kept.channel));
    await of(a.delete('a'));
    await of(a.set('b', 2));
    const back = await nodes.member();
    const { recovered, count } = await of(a.join(back.channel, position));
    expect([recovered, count]).toEqual([true, 2]);
    expect(words(back.got)).toEqual(['again', '-a@4', 'b=2@5', 'ready@5']);
    await of(a.delete('c'));
    const late = await nodes.member();
    expect((await of(a.join(late.channel, position))).recovered).toBe(false);
    expect(words(late.got)).toEqual(['begin', 'b=2@5', 'ready@6']);
    const stranger = await nodes.member();
    await of(a.join(stranger.channel, { epoch: 'other', offset: 6 }));
    await of(a.remove(stranger.channel) ? Promise.resolve() : Promise.reject());
    await of(a.set('b', 3));
    expect(words(stranger.got)).toEqual(['begin', 'b=2@5', 'ready@6']);
  });

  it('reads the store for a member that is ahead of this node', async () => {
    const { nodes, a, of } = await pair();
    const here = await nodes.member();
    const { position } = await of(a.join(here.channel));
    const ahead = await nodes.member();
    const { epoch } = position;
    expect((await of(a.join(ahead.channel, { epoch, offset: 5 }))).recovered).toBe(false);
    expect(words(ahead.got)).toEqual(['begin', 'ready@0']);
  });

  it('gives a slow member the newest value of each key, and keeps nothing for it', async () => {
    const { nodes, a, of } = await pair();
    const [slow, quick] = [await nodes.member(), await nodes.member()];
    await of(Promise.all([a.join(slow.channel), a.join(quick.channel)]));
    slow.transport.isStuck = true;
    for (let i = 1; i <= 300; i++) {
      void a.set(`k${i % 3}`, i);
      if (i % 10 === 0) await nodes.pass(20);
    }
    expect(slow.transport.unsentBytes).toBeLessThan(100_000);
    slow.transport.release();
    await nodes.pass(50);
    const [k0, k1, k2] = words(slow.got).slice(-3);
    expect([k1, k2, k0].sort()).toEqual(['k0=300@300', 'k1=298@298', 'k2=299@299'].sort());
    expect(slow.got.length).toBeLessThan(20);
    expect(slow.got.length).toBeLessThan(quick.got.length);
    await of(a.set('k1', 301));
    expect(words(slow.got).at(-1)).toBe('k1=301@301');
    expect(slow.channel.isOpen).toBe(true);
  });

  it('begins again with members when another store has replaced the one that they knew', async () => {
    const { nodes, a, of } = await pair();
    const one = await nodes.member();
    await of(a.set('a', 1));
    await of(a.join(one.channel));
    nodes.hub.kill();
    await nodes.pass(50);
    const states = statesIn(nodes.hub.relay);
    states.clear();
    nodes.hub.start();
    await nodes.pass(5000);
    await of(a.set('b', 2));
    expect(words(one.got)).toEqual([
      'begin',
      'a=1@1',
      'ready@1',
      'again',
      'begin',
      'ready@0',
      'b=2@1',
    ]);
  });

  it('changes a key only if it has the expected version', async () => {
    const { a, b, of } = await pair();
    const { offset } = await of(a.set('a', 1, { version: 0 }));
    const failed = await of(codeOf(b.set('a', 2, { version: 0 })));
    expect(failed).toBe('HR_ERR_STATE_CONFLICT');
    await of(b.set('a', 2, { version: offset }));
    expect(await of(codeOf(a.delete('a', { version: offset })))).toBe('HR_ERR_STATE_CONFLICT');
    expect((await of(a.get('a')))?.value).toBe(2);
    expect(await of(codeOf(a.set('b', 1, { version: 9 })))).toBe('HR_ERR_STATE_CONFLICT');
    expect(await of(b.delete('b', { version: 0 }))).toBe(false);
    expect(a.counters.failed).toBe(2);
  });

  it('updates a key from many places at the same time, and loses none', async () => {
    const { nodes, a, b, of } = await pair();
    await of(b.set('known', 1));
    const known = await of(a.update('known', (value) => value && value + 1));
    expect(known?.value).toBe(2);
    const here = await nodes.member();
    void a.join(here.channel);
    await nodes.pass(50);
    const updates = Array.from({ length: 40 }, (_, i) =>
      (i % 2 === 0 ? a : b).update('sum', (sum = 0) => sum + 1),
    );
    await nodes.pass(2000);
    await Promise.all(updates);
    expect((await a.get('sum'))?.value).toBe(40);
    const stored = a.counters.stored + b.counters.stored;
    const same = a.update('sum', (sum) => sum);
    await nodes.pass(50);
    expect((await same)?.value).toBe(40);
    const gone = a.update('sum', () => undefined);
    await nodes.pass(50);
    expect([await gone, a.counters.stored + b.counters.stored]).toEqual([undefined, stored + 1]);
  });

  it('refuses what is over a limit, with a code for each', async () => {
    const { nodes, a, b, of } = await pair({
      maxKeys: 2,
      maxBytes: 140,
      maxValueBytes: 90,
      changesPerSecond: 6,
    });
    await of(a.set('a', 1));
    await of(b.set('b', 1));
    expect(await of(codeOf(a.set('c', 1)))).toBe('HR_ERR_STATE_KEYS_FULL');
    const value = 'x'.repeat(88) as never;
    expect(await of(codeOf(b.set('a', value)))).toBe('HR_ERR_STATE_BYTES_FULL');
    const long = 'x'.repeat(91) as never;
    expect(await of(codeOf(b.set('a', long)))).toBe('HR_ERR_MESSAGE_TOO_LONG');
    const short = stateGroup<number>(await nodes.join(), 'short', { maxKeyBytes: 8 });
    for (const [key, given] of [
      ['', 'a text of 0 bytes'],
      ['ééééé', 'a text of 10 bytes'],
      ['half \ud83d', 'a text with half of a surrogate pair'],
      [7 as never, 'a value of the type number'],
      [null as never, 'null'],
    ] as const) {
      expect(await of(short.set(key, 1).catch((error: unknown) => error))).toMatchObject({
        code: 'HR_ERR_OPTION_INVALID',
        message: `${given} cannot be a key of the state group short: a key is a text of 1 to 8 bytes in UTF-8 (maxKeyBytes)`,
      });
    }
    await of(a.delete('b'));
    await of(a.set('c', 1));
    for (let i = 0; i < 3; i++) await of(a.set('c', i));
    expect(await codeOf(Promise.all(Array.from({ length: 7 }, () => a.set('c', 1))))).toBe(
      'HR_ERR_STATE_RATE',
    );
    expect(DURABLE_ERRORS.STATE_RATE.code).toBe('HR_ERR_STATE_RATE');
  });

  it('judges a change by the limits of the node that asks for it, and says what the state has', async () => {
    const nodes = new VirtualNodes();
    const groupOf = async (options: StateGroupOptions<number>) =>
      stateGroup<number>(await nodes.join(), 'room', options);
    const wide = await groupOf({ maxKeys: 100 });
    const narrow = await groupOf({ maxKeys: 2, maxBytes: 200 });
    const ended = async <T>(promise: Promise<T>): Promise<T | Error> => {
      const outcome = promise.catch((error: unknown) => error as Error);
      await nodes.pass(60);
      return outcome;
    };
    for (const key of ['a', 'b', 'c', 'd']) await ended(wide.set(key, 1));
    for (const reads of [narrow, wide, narrow]) {
      const before = await ended(reads.entries());
      const keys = (before as Map<string, unknown>).size;
      expect(await ended(narrow.set('z', 1))).toMatchObject({
        code: DURABLE_ERRORS.STATE_KEYS_FULL.code,
        message: `the state group room has ${keys} keys, and maxKeys is 2`,
        details: { group: 'room', keys, maxKeys: 2 },
      });
      const full = (await ended(narrow.set('a', 'x'.repeat(300) as never))) as RejectedError;
      const bytes = full.details['bytes'] as number;
      expect(full.message).toBe(
        `the state group room would have ${bytes} bytes, and maxBytes is 200`,
      );
      expect(full.details).toEqual({ group: 'room', bytes, maxBytes: 200 });
      expect(bytes).toBeGreaterThan(200);
      expect(await ended(wide.set(`k${keys}`, 1))).toHaveProperty('offset');
    }
  });

  it('refuses what is not a channel', async () => {
    const { a, of } = await pair();
    const text = (given: string) => `channel is ${given}, but must be a channel of this node`;
    for (const [value, given] of [
      [{} as never, 'an object'],
      [undefined as never, 'undefined'],
    ] as const) {
      expect(() => a.join(value)).toThrow(text(given));
    }
    const refused = await of(a.set('k', 1, { channel: {} as never }).catch((error) => error));
    expect(refused).toMatchObject({ code: 'HR_ERR_OPTION_INVALID', message: text('an object') });
    expect([a.size, await of(a.get('k'))]).toEqual([0, undefined]);
  });

  it('fails at once when the cluster is left, and after it, as in a group that is made then', async () => {
    const { nodes, clusters, a, of } = await pair();
    const [cluster] = clusters;
    const [early, late] = [await nodes.member(), await nodes.member()];
    const stays = await nodes.member();
    await of(a.join(stays.channel));
    nodes.hub.stop();
    const other = stateGroup<number>(cluster, 'other');
    const asked = [other.join(early.channel), other.get('x')];
    const reasons = async (promises: readonly Promise<unknown>[]) => {
      const outcomes = Promise.all(promises.map((one) => one.catch((error: unknown) => error)));
      await nodes.pass(20);
      return (await outcomes).map((error) => (error as Error).message);
    };
    const before = reasons(asked);
    const leaving = cluster.leave();
    nodes.hub.start();
    await of(leaving);
    const left = (name: string) =>
      `the state of ${name} on the bus memory: cannot be used, because the cluster was left`;
    expect(await before).toEqual([left('other'), left('other')]);
    const zz = stateGroup<number>(cluster, 'zz', { listens: 'always' });
    for (const group of [a, zz]) {
      const after = [
        group.set('x', 1),
        group.join(late.channel),
        group.get('x'),
        group.entries(),
        group.delete('x'),
        group.update('x', () => 1),
      ];
      expect(await reasons(after)).toEqual(Array(6).fill(left(group.name)));
      expect(group.has(late.channel)).toBe(false);
    }
    expect([a.has(stays.channel), other.has(early.channel)]).toEqual([true, false]);
  });

  it('keeps the state only while the node has members, or always', async () => {
    const { nodes, a, b, of } = await pair();
    const { hub } = nodes;
    const state = () => statesIn(hub.relay).of('hr.pvirtual.s.proom').followerCount;
    expect(state()).toBe(0);
    expect(await of(a.get('a'))).toBe(undefined);
    expect(state()).toBe(0);
    const one = await nodes.member();
    await of(a.join(one.channel));
    expect(state()).toBe(1);
    await of(b.set('a', 1));
    expect([...(await of(a.entries()))]).toEqual([['a', { value: 1, version: 1 }]]);
    one.channel.close();
    await nodes.pass(50);
    expect([state(), a.size]).toEqual([0, 0]);
    const listening = stateGroup(await nodes.join(), 'room', { listens: 'always' });
    await nodes.pass(50);
    expect(state()).toBe(1);
    expect((await listening.get('a'))?.value).toBe(1);
  });

  it.each(['with-members', 'always'] as const)(
    'reads what this node has written, if it keeps the state %s',
    async (listens) => {
      const { a, b, of } = await pair({ listens });
      const written = async (): Promise<unknown> => {
        await a.set('a', 1);
        const first = await a.get('a');
        const { offset } = await a.set('a', 2);
        const keys = [...(await a.entries()).values()];
        const same = await a.update('a', (value) => (value === 1 ? 1 : value));
        await a.delete('a');
        return [first?.value, keys, same?.version === offset, await a.get('a')];
      };
      const expected = [1, [{ value: 2, version: 2 }], true, undefined];
      expect(await of(written())).toEqual(expected);
      await of(b.set('a', 3));
      expect((await of(a.get('a')))?.value).toBe(3);
    },
  );

  it('gives the entries in the order of their versions', async () => {
    const { a, of } = await pair();
    for (const [key, value] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ] as const)
      await of(a.set(key, value));
    expect([...(await of(a.entries())).keys()]).toEqual(['b', 'a']);
  });

  it('fails without a store, and joins and reads fail in time', async () => {
    const { nodes, a, of } = await pair();
    await of(a.set('a', 1));
    nodes.hub.kill();
    await nodes.pass(100);
    const one = await nodes.member();
    const calls = [a.join(one.channel), a.get('a'), a.set('a', 2)].map(codeOf);
    await nodes.pass(5100);
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'HR_ERR_BUS_DOWN'));
    expect(a.has(one.channel)).toBe(false);
    nodes.hub.start();
    await nodes.pass(3000);
    expect((await of(a.get('a')))?.value).toBe(1);
  });

  it('ends a join with its channel', async () => {
    const { nodes, a, of } = await pair();
    nodes.hub.kill();
    const one = await nodes.member();
    const joining = a.join(one.channel);
    expect(a.join(one.channel)).toBe(joining);
    one.channel.close();
    expect(await of(codeOf(joining))).toBe('HR_ERR_CHANNEL_CLOSED');
    expect(await of(codeOf(a.join(one.channel)))).toBe('HR_ERR_CHANNEL_CLOSED');
    expect(a.size).toBe(0);
    nodes.hub.start();
  });

  it('stores the changes under way when the node leaves, and no later ones', async () => {
    const { nodes, clusters, a, b, of } = await pair();
    const one = await nodes.member();
    await of(a.join(one.channel));
    const storing = a.set('a', 1);
    const leaving = clusters[0].leave();
    await nodes.pass(500);
    await leaving;
    expect((await storing).offset).toBe(1);
    const failed = await of(a.set('a', 2).catch((error: unknown) => error));
    expect(isHeadraceError(failed, BUS_ERRORS.BUS_DOWN)).toBe(true);
    expect((await of(b.get('a')))?.value).toBe(1);
  });

  it('gives members the form that format makes, and survives its failures', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'room', {
      format: (message) => {
        if (message.type !== 'set') return undefined;
        if (message.value === 2) throw new Error('not two');
        return `${message.key} is ${message.value}`;
      },
    });
    const one = await nodes.member();
    void group.join(one.channel);
    for (const value of [1, 2, 3]) {
      void group.set('a', value);
      await nodes.pass(50);
    }
    expect(one.got).toEqual(['a is 1', 'a is 3']);
    expect(nodes.lines).toEqual(['format of the state group room failed']);
  });

  it('says which store is full', async () => {
    const nodes = new VirtualNodes();
    const bus = memoryBus({ hub: nodes.hub });
    const group = stateGroup<number>(await nodes.join({ bus }), 'room');
    statesOf(bus)!.append = () => Promise.resolve({ full: 'store', size: 1100, most: 1000 });
    const stored = group.set('k', 1).catch((error: unknown) => error);
    await nodes.pass(60);
    expect(await stored).toMatchObject({
      code: DURABLE_ERRORS.STATE_BYTES_FULL.code,
      message:
        'the store of the state group room would have 1100 bytes, and holds 1000 with room for removals: raise its size (maxBytes of natsBus)',
      details: { group: 'room', bytes: 1100, maxBytes: 1000 },
    });
  });

  it('gives members the state again when the store tells that another one, without changes, has taken its place', async () => {
    const nodes = new VirtualNodes();
    const bus = memoryBus({ hub: nodes.hub });
    const group = stateGroup<number>(await nodes.join({ bus }), 'room');
    const log = statesOf(bus)!;
    const follow = log.follow.bind(log);
    let tell: Parameters<typeof follow>[1] = () => {};
    log.follow = (stream, listener) => {
      tell = listener;
      return follow(stream, listener);
    };
    const { channel, got } = await nodes.member();
    void group.set('k', 1);
    void group.join(channel);
    await nodes.pass(60);
    const states = statesIn(nodes.hub.relay);
    states.clear();
    const position = { epoch: 'another', offset: 0 };
    const nothing = { id: '', key: '', isRemoval: true, ageMs: 0, bytes: Buffer.alloc(0) };
    tell({ position, previous: 0, ...nothing });
    await nodes.pass(60);
    expect(words(got)).toEqual(['begin', 'k=1@1', 'ready@1', 'begin', 'ready@0']);
  });

  it('is one group for a name, with the options of the first call', async () => {
    await using cluster = await Cluster.join({ app: 'state' });
    const group = stateGroup(cluster, 'room', { maxKeys: 5 });
    expect(stateGroup(cluster, 'room')).toBe(group);
    expect(() => stateGroup(cluster, 'room', { maxKeys: 6 })).toThrow('another maxKeys');
    expect(() => stateGroup(cluster, '')).toThrow('name');
    await expect(group.set('a', undefined)).rejects.toThrow('delete removes a key');
  });
});
