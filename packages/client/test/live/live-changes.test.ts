import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { type LiveChange, LiveState } from '@headrace/client';
import { describe, expect, it } from 'vitest';

const group = 'room';

/** A state with `a` and `b`, whose further changes have the next versions. */
function readyState(maxKeys = 10_000) {
  const live = new LiveState<string>(group, { maxKeys });
  let version = 0;
  const set = (key: string, value: string): void => {
    version += 1;
    live.take({ type: 'set', group, key, value, version });
  };
  const remove = (key: string): void => {
    version += 1;
    live.take({ type: 'delete', group, key, version });
  };
  const replace = (epoch: string, values: Record<string, string>): void => {
    live.take({ type: 'begin', group, epoch, recovered: false });
    version = 0;
    for (const [key, value] of Object.entries(values)) set(key, value);
    live.take({ type: 'ready', group, version });
  };
  replace('one', { a: 'a1', b: 'b1' });
  return { live, set, remove, replace };
}

function shownOf({ type, key, value, previous }: LiveChange<string>): string {
  return `${type} ${key} ${previous} -> ${value}`;
}

/** The changes that wait. */
async function waiting(changes: AsyncIterator<LiveChange<string>>): Promise<string[]> {
  const shown: string[] = [];
  for (;;) {
    const none = Symbol('none');
    const next = changes.next();
    const first = await Promise.race([next, Promise.resolve().then(() => none)]);
    if (first === none) {
      await changes.return?.();
      return shown;
    }
    const { done, value } = await next;
    if (done === true) return shown;
    shown.push(shownOf(value));
  }
}

describe('the changes of a LiveState', () => {
  it('come one after the other, from the call on', async () => {
    const { live, set, remove } = readyState();
    set('a', 'a2');
    const changes = live.changes();
    set('a', 'a3');
    expect(shownOf((await changes.next()).value)).toBe('set a a2 -> a3');
    const next = changes.next();
    remove('b');
    set('c', 'c1');
    expect(shownOf((await next).value)).toBe('delete b b1 -> undefined');
    expect(shownOf((await changes.next()).value)).toBe('set c undefined -> c1');
  });

  it('are the newest of each key for a slow reader, with the value that it knows', async () => {
    const { live, set, remove } = readyState();
    const changes = live.changes();
    for (let i = 2; i <= 1000; i++) {
      set('a', `a${i}`);
      set('b', `b${i}`);
    }
    remove('b');
    expect(await waiting(changes)).toEqual(['set a a1 -> a1000', 'delete b b1 -> undefined']);
  });

  it('leave out a key that came and went, and report a key that went and came as set', async () => {
    const { live, set, remove } = readyState();
    const changes = live.changes();
    set('c', 'c1');
    set('c', 'c2');
    remove('c');
    remove('a');
    set('a', 'a2');
    expect(await waiting(changes)).toEqual(['set a a1 -> a2']);
  });

  it('do not fill the memory with keys that came and went', async () => {
    const { live, set, remove } = readyState(10);
    const changes = live.changes();
    for (let i = 0; i < 5000; i++) {
      set(`k${i}`, 'x');
      remove(`k${i}`);
    }
    set('z', 'z1');
    expect(await waiting(changes)).toEqual(['set z undefined -> z1']);
  });

  it('pass over no key while others change more often', async () => {
    const { live, set } = readyState();
    const changes = live.changes();
    const read: string[] = [];
    for (let i = 2; i <= 5; i++) {
      set('a', `a${i}`);
      set('b', `b${i}`);
      set('a', `a${i}!`);
      read.push(shownOf((await changes.next()).value));
    }
    expect(read).toEqual([
      'set a a1 -> a2!',
      'set b b1 -> b3',
      'set a a2! -> a4!',
      'set b b3 -> b5',
    ]);
  });

  it('tell a deletion from a state that replaced the earlier one', async () => {
    const { live, replace } = readyState();
    const changes = live.changes();
    replace('two', { b: 'b1' });
    expect(await waiting(changes)).toEqual(['set b b1 -> b1', 'reset a a1 -> undefined']);
  });

  it('are the same for each reader', async () => {
    const { live, set } = readyState();
    const [fast, slow] = [live.changes(), live.changes()];
    set('a', 'a2');
    expect(shownOf((await fast.next()).value)).toBe('set a a1 -> a2');
    set('a', 'a3');
    expect(await waiting(fast)).toEqual(['set a a2 -> a3']);
    expect(await waiting(slow)).toEqual(['set a a1 -> a3']);
  });

  it('end when the loop is left', async () => {
    const { live, set } = readyState();
    const read: string[] = [];
    const loop = (async () => {
      for await (const change of live.changes()) {
        read.push(shownOf(change));
        if (change.key === 'b') break;
      }
    })();
    set('a', 'a2');
    set('b', 'b2');
    set('a', 'a3');
    await loop;
    expect(read).toEqual(['set a a1 -> a2', 'set b b1 -> b2']);
  });

  it('keep nothing after their end', async () => {
    const { live, set } = readyState();
    const { signal } = new AbortController();
    const left = async () => {
      const changes = live.changes({ signal });
      set('a', 'a2');
      expect(await changes.return?.()).toEqual({ done: true, value: undefined });
      set('a', 'a3');
      expect(await changes.next()).toEqual({ done: true, value: undefined });
      return new WeakRef(changes);
    };
    const ref = await left();
    await setImmediate();
    globalThis.gc!();
    expect(ref.deref()).toBeUndefined();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('end with their signal, even while the loop waits', async () => {
    const { live, set } = readyState();
    const end = new AbortController();
    const changes = live.changes({ signal: end.signal });
    const other = live.changes({ signal: end.signal });
    set('a', 'a2');
    await changes.next();
    const next = changes.next();
    end.abort();
    set('a', 'a3');
    expect(await next).toEqual({ done: true, value: undefined });
    expect(await other.next()).toEqual({ done: true, value: undefined });
    const late = live.changes({ signal: AbortSignal.abort() });
    set('a', 'a4');
    expect(await late.next()).toEqual({ done: true, value: undefined });
  });

  it('are asked for one at a time', async () => {
    const { live, set } = readyState();
    const changes = live.changes();
    const next = changes.next();
    await expect(changes.next()).rejects.toThrow('next() was called during another next()');
    set('a', 'a2');
    expect(shownOf((await next).value)).toBe('set a a1 -> a2');
  });
});
