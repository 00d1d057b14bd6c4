import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { stateBytes, writtenCopyPage } from '../../src/bus/mesh/mesh-state-frame.ts';
import { MemoryState } from '../../src/log/memory-state.ts';
import { COPY_PAGE_BYTES } from '../../src/log/state-copy.ts';
import type { StateLimits } from '../../src/log/state-log.ts';

const LIMITS: StateLimits = { keys: 1e6, bytes: 1e9, removals: 3, removalAgeMs: 1000 };

let ids = 0;

function change(state: MemoryState, key: string, value: string | undefined, now = 0): void {
  const bytes = Buffer.from(value ?? '');
  ids += 1;
  const isRemoval = value === undefined;
  const byteLength = key.length + bytes.byteLength;
  const write = { key, bytes, isRemoval, expected: undefined, byteLength };
  state.append(`id${ids}`, write, LIMITS, now);
}

function copyOf(state: MemoryState, now = 0): MemoryState {
  const copy = new MemoryState(state.epoch);
  for (let after = 0; ; ) {
    const page = state.copyAfter(after, now);
    copy.takePage(page, now + 1e6);
    if (page.end === page.last) return copy;
    expect(page.end).toBeGreaterThan(after);
    after = page.end;
  }
}

/** What a state knows, at a time of its clock. */
const contentOf = (state: MemoryState, now: number) => {
  const { entries, last, floor } = state.read(0, Number.POSITIVE_INFINITY, LIMITS, now);
  const all = entries.map(
    ({ epoch: _, ...rest }: (typeof entries)[number] & { epoch?: string }) => rest,
  );
  return { entries: all, last, floor, changes: state.changes };
};

describe('a copy of a state', () => {
  it('has its entries with their ages, its ids, and what it has forgotten', () => {
    const state = new MemoryState('e');
    for (let i = 0; i < 20; i++) change(state, `k${i % 6}`, `${i}`, i * 10);
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) change(state, key, undefined, 300);
    const copy = copyOf(state, 500);
    expect(contentOf(copy, 500 + 1e6)).toEqual(contentOf(state, 500));
    expect(contentOf(copy, 500 + 1e6).floor).toBe(22);
    const again = { key: 'k0', bytes: Buffer.from('x'), isRemoval: false, byteLength: 3 };
    const first = ids - 24;
    const answer = copy.append(`id${first}`, { ...again, expected: undefined }, LIMITS, 500 + 1e6);
    expect(answer).toEqual({ position: { epoch: 'e', offset: 1 } });
    expect(copy.append('another', { ...again, expected: 0 }, LIMITS, 500 + 1e6)).toEqual({
      position: { epoch: 'e', offset: 26 },
    });
  });

  it('follows each change, and forgets the same removals', () => {
    const state = new MemoryState('e');
    const copy = copyOf(state);
    state.follow((entry) => copy.take(entry, state.forgotten, 1e6));
    for (let i = 0; i < 200; i++) {
      change(state, `k${(i * 7) % 13}`, i % 3 === 0 ? undefined : `${i}`);
      const { entries, floor } = state.read(0, 1000, LIMITS, 0);
      const held = copy.read(0, 1000, LIMITS, 1e6);
      expect(held.entries).toEqual(entries);
      expect(held.last).toBe(state.lastOffset);
      expect([floor, state.changes]).toEqual([held.floor, copy.changes]);
    }
  });

  it('keeps no removals that were replaced, however often a key is removed and set again', () => {
    const state = new MemoryState('e');
    const copy = copyOf(state);
    state.follow((entry) => copy.take(entry, state.forgotten, 1e6));
    change(state, 'quiet', '1');
    change(state, 'quiet', undefined);
    for (let i = 0; i < 1000; i++) {
      change(state, 'often', '1');
      change(state, 'often', undefined);
    }
    expect(copy['removals'].size).toBeLessThanOrEqual(state['removals'].size);
    expect(contentOf(copy, 1e6)).toEqual(contentOf(state, 0));
  });

  it('comes in pages that fit into a frame, and is whole at their end', () => {
    const state = new MemoryState('e');
    for (let i = 0; i < 40; i++) change(state, `k${i}`, 'x'.repeat(i === 20 ? 1_000_000 : 90_000));
    for (let i = 0; i < 9000; i++) change(state, 'often', `${i}`);
    let pages = 0;
    for (let after = 0; ; pages += 1) {
      const page = state.copyAfter(after, 0);
      const bytes = page.entries.reduce((sum, entry) => sum + entry.bytes.byteLength, 0);
      expect(page.entries.length === 1 || bytes <= COPY_PAGE_BYTES).toBe(true);
      expect(page.ids.length).toBeLessThan(6000);
      expect(page.entries.every(({ position }) => position.offset <= page.end)).toBe(true);
      if (page.end === page.last) break;
      after = page.end;
    }
    expect(pages).toBeGreaterThan(5);
    const sizes = (one: MemoryState, now: number) =>
      contentOf(one, now).entries.map(({ bytes, ...rest }) => ({ ...rest, size: bytes.length }));
    expect(sizes(copyOf(state), 1e6)).toEqual(sizes(state, 0));
  });

  it('has pages that are nearly full of ids, and never larger, whatever characters they have', () => {
    const few = (text: string) => Array.from({ length: 6000 }, (_, i) => `${text}${i}`);
    for (const ids of [few('node-0123456789 abcdef '), few('\0\0\0\0'), few('ü€😀')]) {
      const state = new MemoryState('e');
      const write = { key: 'k', bytes: Buffer.from('1'), isRemoval: false, byteLength: 2 };
      for (const id of ids)
        state.append(id, { ...write, expected: undefined }, LIMITS, 0.123456789);
      const sizes: number[] = [];
      for (let after = 0, last = 1; after < last; ) {
        const page = state.copyAfter(after, 1e5 / 7);
        const { fields, values } = writtenCopyPage(page);
        sizes.push(stateBytes(fields, values).byteLength);
        ({ end: after, last } = page);
      }
      const full = sizes.slice(0, -1);
      expect(full.length).toBeGreaterThan(0);
      expect(Math.max(...sizes)).toBeLessThan(COPY_PAGE_BYTES);
      expect(Math.min(...full)).toBeGreaterThan(COPY_PAGE_BYTES / 2);
    }
  });

  it('begins an epoch with higher versions, and the same content', () => {
    const state = new MemoryState('e');
    for (const key of ['a', 'b', 'c']) change(state, key, '1');
    change(state, 'b', undefined);
    const { last } = state.read(0, 10, LIMITS, 0);
    state.begin('f', 1000);
    const page = state.read(0, 10, LIMITS, 0);
    expect(page.epoch).toBe('f');
    expect(page.last).toBe(last);
    expect(page.entries.map(({ key, position }) => [key, position])).toEqual([
      ['a', { epoch: 'f', offset: 1 }],
      ['c', { epoch: 'f', offset: 3 }],
      ['b', { epoch: 'f', offset: 4 }],
    ]);
    change(state, 'd', '2');
    const [entry] = state.read(last, 10, LIMITS, 0).entries;
    expect([entry!.position.offset, entry!.previous]).toEqual([last + 1001, last]);
    for (const key of ['a', 'c', 'd']) change(state, key, undefined);
    // The removal of b is forgotten first, as before.
    expect(state.read(0, 10, LIMITS, 0).floor).toBe(4);
  });

  it('is continued in the next epoch, if it has no change that the state did not have then', () => {
    const state = new MemoryState('e');
    for (const key of ['a', 'b', 'c']) change(state, key, '1');
    const copy = copyOf(state);
    for (const key of ['b', 'd']) change(state, key, '2');
    state.begin('f', 1000);
    change(state, 'a', undefined);
    expect([2, 3, 5, 6].map((offset) => state.continues('e', offset))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([state.continues('f', 1006), state.continues('f', 1007)]).toEqual([true, false]);
    expect([state.continues('', 0), state.continues('g', 1)]).toEqual([false, false]);
    copy.begin('f', 0);
    copy.takePage(state.copyAfter(3, 0), 1e6);
    expect(contentOf(copy, 1e6)).toEqual(contentOf(state, 0));
    expect(copy.read(0, 10, LIMITS, 1e6).epoch).toBe('f');
    state.begin('h', 1000);
    expect(state.continues('e', 3)).toBe(false);
    expect(state.continues('f', 1006)).toBe(true);
  });
});
