import { describe, expect, it, vi } from 'vitest';
import { RecentMap } from '../../src/queue/recent-map.ts';

function names(map: RecentMap<unknown>): string[] {
  return [...map].map(([name]) => name);
}

describe('a map of values by their last use', () => {
  it('forgets the one used least recently when it is full', () => {
    const map = new RecentMap<number>(3);
    for (const name of ['a', 'b', 'c', 'a', 'd']) map.use(name, 0);
    expect(names(map)).toEqual(['c', 'a', 'd']);
    map.peek('c');
    map.use('e', 0);
    expect(names(map)).toEqual(['a', 'd', 'e']);
  });

  it('keeps the oldest that was used again while it was looked at', () => {
    const map = new RecentMap<number>(9);
    map.use('a', 1);
    map.use('b', 2);
    map.forget(1, () => false);
    map.use('a', 3);
    map.forget(1, () => true);
    expect(names(map)).toEqual(['a']);
    map.forget(1, (value) => value === 1);
    expect(names(map)).toEqual(['a']);
  });

  it('forgets from the oldest on up to the first that is not over, even after it was empty', () => {
    const map = new RecentMap<number>(9);
    for (let round = 0; round < 3; round += 1) {
      for (const [i, value] of [1, 2, 3, 1].entries()) map.use(`${round} ${i}`, value);
      map.forget(Infinity, (value) => value < 3);
      expect(names(map)).toEqual([`${round} 2`, `${round} 3`]);
      map.forget(9, () => true);
      expect(map.size).toBe(0);
    }
  });

  it('opens no iterator for a value that is added, which would pass all deleted ones', () => {
    const map = new RecentMap<number>(10);
    for (let i = 0; i < 10; i += 1) map.use(`${i}`, i);
    map.use('10', 10);
    const opened = [vi.spyOn(Map.prototype, 'entries'), vi.spyOn(Map.prototype, Symbol.iterator)];
    for (let i = 0; i < 100; i += 1) {
      map.use(`more ${i}`, i);
      expect(map.oldest).toBe(i < 9 ? i + 2 : i - 9);
    }
    expect(opened.map((spy) => spy.mock.calls.length)).toEqual([0, 0]);
    expect(map.size).toBe(10);
  });
});
