import {
  type LiveChange,
  LiveState,
  type LiveStateMessage,
  type LiveStateOptions,
} from '@headrace/client';
import { isHeadraceError, silentLogger } from '@headrace/core';
import { describe, expect, it } from 'vitest';

type Message = LiveStateMessage<number>;

const group = 'room';
const begin = (epoch = 'one', recovered = false): Message => {
  return { type: 'begin', group, epoch, recovered };
};
const set = (key: string, version: number, value = version): Message => {
  return { type: 'set', group, key, value, version };
};
const remove = (key: string, version: number): Message => ({
  type: 'delete',
  group,
  key,
  version,
});
const ready = (version: number): Message => ({ type: 'ready', group, version });

function shownOf({ type, key, value, previous }: LiveChange<number>): string {
  return `${type} ${key} ${previous} -> ${value}`;
}

/** A state, and what its listeners got. */
function liveState(options: LiveStateOptions = {}) {
  const live = new LiveState<number>(group, options);
  const events: string[] = [];
  live.on('change', (change) => events.push(shownOf(change)));
  live.on('status', (status) => events.push(status));
  return {
    live,
    events,
    take: (...messages: Message[]) => messages.map((message) => live.take(message)),
    /** The events since the last call. */
    news: () => events.splice(0),
  };
}

/** A state that is ready, with `a` and `b`. */
function readyState(options: LiveStateOptions = {}) {
  const state = liveState(options);
  state.live.begin();
  state.take(begin(), set('a', 1), set('b', 2), ready(2));
  state.news();
  return state;
}

describe('LiveState', () => {
  it('has the state of its group, and each change', () => {
    const { live, take, news } = liveState();
    expect([live.begin(), live.status]).toEqual([undefined, 'loading']);
    take(begin(), set('a', 1), set('b', 2), ready(2));
    expect(news()).toEqual(['set a undefined -> 1', 'set b undefined -> 2', 'ready']);
    take(set('a', 3), remove('b', 4), set('c', 5));
    expect(news()).toEqual(['set a 1 -> 3', 'delete b 2 -> undefined', 'set c undefined -> 5']);
    expect([...live]).toEqual([...live.entries()]);
    expect([...live]).toEqual(Object.entries({ a: 3, c: 5 }));
    expect([live.size, live.has('a'), live.has('b'), live.get('b')]).toEqual([
      2,
      true,
      false,
      undefined,
    ]);
    expect([live.versionOf('a'), live.versionOf('b')]).toEqual([3, 0]);
  });

  it('has a position from the first begin on, also in the middle of the state', () => {
    const { live, take } = liveState();
    expect(live.position).toBeUndefined();
    take(begin());
    expect(live.position).toEqual({ epoch: 'one', offset: 0 });
    take(set('a', 4));
    expect(live.begin()).toEqual({ epoch: 'one', offset: 4 });
    take(begin('one', true), ready(9));
    expect(live.position).toEqual({ epoch: 'one', offset: 9 });
  });

  it('ignores versions that it knows', () => {
    const { live, take, news } = readyState();
    take(set('a', 1, 10), set('b', 2, 20), remove('a', 2), ready(1), ready(2));
    expect(news()).toEqual([]);
    expect([...live]).toEqual(Object.entries({ a: 1, b: 2 }));
  });

  it('changes a value by a patch for the version that it has', () => {
    const live = new LiveState<{ x: number; at: { y: number } }>(group);
    const changes: unknown[] = [];
    live.on('change', (change) => changes.push(change));
    const patch = { type: 'patch', group, key: 'a', patch: { x: 2 } } as const;
    live.take({ type: 'begin', group, epoch: 'one', recovered: false });
    const value = { x: 1, at: { y: 1 } };
    live.take({ type: 'set', group, key: 'a', value, version: 3 });
    live.take({ ...patch, from: 3, version: 5 });
    expect(live.get('a')).toEqual({ x: 2, at: { y: 1 } });
    expect(live.get('a')?.at).toBe(value.at);
    expect([live.versionOf('a'), live.position?.offset, value.x]).toEqual([5, 5, 1]);
    expect(changes[1]).toEqual({
      ...{ type: 'set', key: 'a', value: { x: 2, at: { y: 1 } }, previous: value },
    });
    live.take({ ...patch, from: 3, version: 5 });
    for (const wrong of [
      { ...patch, from: 3, version: 6 },
      { ...patch, key: 'b', from: 5, version: 6 },
      { ...patch, key: 'b', version: 6 },
      { ...patch, patch: [1], from: 5, version: 6 },
      { ...patch, patch: null, from: 5, version: 6 },
    ]) {
      expect(() => live.take(wrong as never)).toThrow(/changes a value|has no patch/);
      live.take({ type: 'begin', group, epoch: 'one', recovered: true });
    }
    live.take({ type: 'begin', group, epoch: 'two', recovered: false });
    expect(() => live.take({ ...patch, from: 5, version: 6 })).toThrow('that is not there');
    expect(live.get('a')).toEqual({ x: 2, at: { y: 1 } });
  });

  it('leaves messages of other groups alone', () => {
    const { live, take, news } = readyState();
    expect(take(set('a', 3))).toEqual([true]);
    const other = { group: 'other' };
    expect(
      take({ ...begin('two'), ...other }, { ...set('a', 9), ...other }, { ...ready(9), ...other }),
    ).toEqual([false, false, false]);
    expect([news(), live.position]).toEqual([['set a 1 -> 3'], { epoch: 'one', offset: 3 }]);
  });

  it('is stale from the loss of the connection until it has what it missed', () => {
    const { live, take, news } = readyState();
    live.disconnected();
    expect(live.status).toBe('stale');
    live.disconnected();
    expect(live.begin()).toEqual({ epoch: 'one', offset: 2 });
    take(begin('one', true), remove('a', 3), set('b', 5), ready(6));
    expect(news()).toEqual(['stale', 'delete a 1 -> undefined', 'set b 2 -> 5', 'ready']);
    expect(live.position).toEqual({ epoch: 'one', offset: 6 });
  });

  it('is stale when another connection begins, and when the server begins again', () => {
    const { live, take, news } = readyState();
    live.begin();
    expect(news()).toEqual(['stale']);
    take(begin('one', true), ready(2));
    expect(news()).toEqual(['ready']);
    take(begin());
    expect(news()).toEqual(['stale']);
  });

  it('keeps its keys until the whole state is there, and then drops those that are not in it', () => {
    const { live, take, news } = readyState();
    live.begin();
    news();
    take(begin('two'), set('b', 1, 2), set('c', 2));
    expect(news()).toEqual(['set b 2 -> 2', 'set c undefined -> 2']);
    expect([...live.entries()].map(([key]) => key)).toEqual(['a', 'b', 'c']);
    take(ready(2));
    expect(news()).toEqual(['reset a 1 -> undefined', 'ready']);
    expect(live.position).toEqual({ epoch: 'two', offset: 2 });
  });

  it('reports no change of a key that has its version in the whole state of the same epoch', () => {
    const live = new LiveState<object>(group);
    const changes: unknown[] = [];
    const [first, copy] = [{ of: 'a' }, { of: 'a' }];
    const whole = (value: object, epoch: string): void => {
      live.take({ type: 'begin', group, epoch, recovered: false });
      live.take({ type: 'set', group, key: 'a', value, version: 1 });
      live.take({ type: 'ready', group, version: 1 });
    };
    live.on('change', ({ value }) => changes.push(value));
    whole(first, 'one');
    whole(copy, 'one');
    expect(live.get('a')).toBe(first);
    expect(changes).toEqual([first]);
    whole(copy, 'two');
    expect(live.get('a')).toBe(copy);
    expect(changes).toEqual([first, copy]);
  });

  it.each(['one', 'two'])('takes a whole state of %s with lower versions', (epoch) => {
    const { live, take, news } = readyState();
    take(set('a', 9));
    news();
    take(begin(epoch), set('a', 1, 7), ready(1), set('a', 2, 8));
    const gone = 'reset b 2 -> undefined';
    expect(news()).toEqual(['stale', 'set a 9 -> 7', gone, 'ready', 'set a 7 -> 8']);
    expect(live.position).toEqual({ epoch, offset: 2 });
  });

  it('begins again where the whole state begins again before it was complete', () => {
    const { live, take } = readyState();
    take(begin('two'), set('b', 1), set('c', 2), begin('three'), set('c', 1), ready(1));
    expect([...live]).toEqual([['c', 1]]);
  });

  it('drops the keys of an earlier state when the next connection continues an unfinished one', () => {
    const { live, take, news } = readyState();
    take(begin('two'), set('b', 1));
    expect(live.begin()).toEqual({ epoch: 'two', offset: 1 });
    take(begin('two', true), set('c', 2));
    expect(live.has('a')).toBe(true);
    news();
    take(ready(3));
    expect(news()).toEqual(['reset a 1 -> undefined', 'ready']);
  });

  it('deletes a key of an earlier state at once when its deletion comes', () => {
    const { take, news } = readyState();
    take(begin('two'));
    news();
    take(remove('a', 3), remove('x', 4), ready(4));
    expect(news()).toEqual(['delete a 1 -> undefined', 'reset b 2 -> undefined', 'ready']);
  });

  it('is complete for the listeners that learn of keys that are gone', () => {
    const { live, take } = readyState();
    const seen: unknown[] = [];
    live.on('change', ({ type }) => seen.push([type, live.status, [...live]]));
    take(begin('two'), ready(0));
    expect(seen).toEqual([
      ['reset', 'ready', []],
      ['reset', 'ready', []],
    ]);
  });

  it('does not become ready after a listener has closed its connection', () => {
    const { live, take, news } = readyState();
    take(begin('two'));
    news();
    live.once('change', () => live.disconnected());
    take(ready(0));
    expect(live.status).toBe('stale');
    expect(news()).toEqual(['reset a 1 -> undefined', 'stale', 'reset b 2 -> undefined']);
  });

  it('has a revision that differs after each change and each status, and only then', () => {
    const { live, take } = readyState();
    const revisions: number[] = [];
    const look = () => revisions.push(live.revision);
    look();
    take(set('a', 1), remove('x', 3), begin('one', true));
    look();
    take(set('b', 4), ready(4));
    look();
    expect(new Set(revisions).size).toBe(3);
    take(ready(4), set('b', 4));
    look();
    expect(revisions[3]).toBe(revisions[2]);
  });

  it('reports the error of a listener, and calls the others', async () => {
    const lines: string[] = [];
    const live = new LiveState<number>(group, {
      logger: { log: (level, message, error) => lines.push(`${level}: ${message}: ${error}`) },
    });
    const seen: string[] = [];
    live.on('change', () => {
      throw new Error('not today');
    });
    live.on('change', async () => {
      throw new Error('not tomorrow');
    });
    live.on('change', ({ key }) => seen.push(key));
    live.take(begin());
    live.take(set('a', 1));
    await Promise.resolve();
    await Promise.resolve();
    expect(seen).toEqual(['a']);
    expect(lines).toEqual([
      'error: a listener of "change" of a LiveState failed: Error: not today',
      'error: a listener of "change" of a LiveState failed: Error: not tomorrow',
    ]);
  });

  it('refuses a name that is not a text, and options that are not valid', () => {
    for (const name of ['', 7, undefined, null]) {
      expect(() => new LiveState(name as string)).toThrow(/^group is /);
    }
    expect(() => new LiveState(group, { maxKeys: 0 })).toThrow(/^maxKeys is 0/);
    expect(() => new LiveState(group, { maxKey: 1 } as never)).toThrow(/maxKey/);
    expect(() => new LiveState(group).changes({ signals: 1 } as never)).toThrow(/signals/);
  });

  it('has a key that is gone on the server beside those that came after it', () => {
    const { live, take } = readyState({ maxKeys: 2 });
    live.begin();
    // The server: delete a, set c, delete b, set a. Of each key, the newest change is sent.
    take(begin('one', true), set('c', 4), remove('b', 5), set('a', 6), ready(6));
    expect([...live]).toEqual([
      ['a', 6],
      ['c', 4],
    ]);
  });
});

describe('what a LiveState does not take', () => {
  const parsed = (text: string): unknown => JSON.parse(text);
  const wrong: Record<string, unknown> = {
    nothing: undefined,
    null: null,
    'a text': 'set',
    'a number': 7,
    'a list': [],
    'no fields': {},
    'the fields of another object': parsed('{"__proto__":{"type":"set","group":"room"}}'),
    'a group that is not a text': { ...set('a', 9), group: ['room'] },
    'no type': { group, key: 'a', value: 1, version: 9 },
    'an unknown type': { ...set('a', 9), type: 'patch' },
    'the type of a method': { ...set('a', 9), type: 'constructor' },
    'no key': { type: 'set', group, value: 1, version: 9 },
    'a key that is not a text': { ...set('a', 9), key: 1 },
    'a deletion without a key': { type: 'delete', group, version: 9 },
    'no value': { type: 'set', group, key: 'a', version: 9 },
    'no version': { type: 'set', group, key: 'a', value: 1 },
    'a version that is a text': { ...set('a', 9), version: '9' },
    'a version with a fraction': { ...set('a', 9), version: 9.5 },
    'a negative version': { ...ready(9), version: -1 },
    'a version without a limit': { ...set('a', 9), version: Number.POSITIVE_INFINITY },
    'a version that is not exact': { ...set('a', 9), version: 2 ** 53 },
    'a ready without a version': { type: 'ready', group },
    'no epoch': { type: 'begin', group, recovered: false },
    'an epoch that is not a text': { ...begin(), epoch: 1 },
    'a begin that says nothing of the state': { type: 'begin', group, epoch: 'one' },
    'a recovered that is a text': { ...begin(), recovered: 'false' },
    'the rest of another epoch': begin('two', true),
  };

  it.each(Object.entries(wrong))('%s is refused, and changes nothing', (_name, message) => {
    const { live, news } = readyState();
    const before = [live.position, live.revision, [...live], live.status];
    let thrown: unknown;
    try {
      live.take(message as Message);
    } catch (error) {
      thrown = error;
    }
    expect(isHeadraceError(thrown, 'MESSAGE_INVALID')).toBe(true);
    expect([live.position, live.revision, [...live], live.status]).toEqual(before);
    expect(news()).toEqual([]);
    // The rest of the connection does not pass what was refused, which the next one sends again.
    const isOfGroup = (message as { group?: unknown } | null | undefined)?.group === group;
    expect(live.take(set('a', 9))).toBe(true);
    expect(live.get('a')).toBe(isOfGroup ? 1 : 9);
    if (isOfGroup) expect(live.begin()).toEqual({ epoch: 'one', offset: 2 });
    live.take(begin('one', true));
    live.take(set('a', 10));
    expect(live.get('a')).toBe(10);
  });

  it.each([set('a', 1), remove('a', 1), ready(1), begin('one', true)])(
    '$type before the state has begun',
    (message) => {
      const { live } = liveState();
      expect(() => live.take(message)).toThrow(/comes before begin|another epoch/);
      expect([live.position, live.size, live.status]).toEqual([undefined, 0, 'loading']);
    },
  );

  it('keeps keys that are names of objects apart from objects', () => {
    const { live, take } = readyState();
    const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', ''];
    expect(keys.map((key) => [live.has(key), live.get(key)])).toEqual(
      keys.map(() => [false, undefined]),
    );
    take(...keys.map((key, i) => set(key, 3 + i)));
    expect(keys.map((key) => live.get(key))).toEqual([3, 4, 5, 6, 7]);
    expect(({} as Record<string, unknown>)['3']).toBeUndefined();
    take(remove('__proto__', 8));
    expect([live.has('__proto__'), {}.constructor]).toEqual([false, Object]);
  });

  it('far more keys than its group may have, which no other connection makes fewer', () => {
    const { live, take, news } = readyState({ maxKeys: 2, logger: silentLogger });
    take(set('c', 3), set('d', 4));
    const text =
      'the state group room has more than twice maxKeys (2) keys; give LiveState the maxKeys of the group';
    const full = expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID', message: text });
    expect(() => take(set('e', 5))).toThrow(full);
    expect([live.size, live.position]).toEqual([4, { epoch: 'one', offset: 4 }]);
    take(begin('one', true), set('a', 5), remove('b', 6), set('e', 7));
    expect(() => take(set('f', 8))).toThrow(full);
    // The keys of the earlier state are not counted, for they may be gone.
    take(begin('two'), set('x', 1), set('a', 2), set('y', 3), set('z', 4));
    expect(() => take(set('b', 5))).toThrow(full);
    take(begin('two', true), remove('a', 6), remove('x', 7), set('b', 8), ready(8));
    expect([...live].map(([key]) => key)).toEqual(['y', 'z', 'b']);
    news();
  });
});
