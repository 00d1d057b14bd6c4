import { describe, expect, it } from 'vitest';
import { KeyedEntries } from '../../src/contract/keyed-entries.ts';

const entry = (key: string, offset: number) => ({ key, position: { offset } });
type Entry = ReturnType<typeof entry>;

function after(entries: KeyedEntries<Entry>, offset: number, limit = Infinity): number[] {
  const found: number[] = [];
  entries.eachAfter(offset, ({ position }) => found.push(position.offset) < limit);
  return found;
}

describe('KeyedEntries', () => {
  it('has the newest entry of each key, in order, after every offset', () => {
    const entries = new KeyedEntries<Entry>();
    const model = new Map<string, number>();
    let dice = 7;
    for (let offset = 2; offset < 3000; offset += 2) {
      dice = (dice * 1103515245 + 12345) % 2147483648;
      const key = `k${dice % 40}`;
      if (dice % 11 === 0) {
        const known = entries.get(key);
        if (known !== undefined) expect(entries.forget(known)).toBe(true);
        model.delete(key);
        continue;
      }
      entries.set(entry(key, offset));
      model.set(key, offset);
      if (offset % 50 > 2) continue;
      const all = [...model.values()].sort((a, b) => a - b);
      for (const from of [0, ...all, ...all.map((one) => one - 1), offset + 1]) {
        expect(after(entries, from)).toEqual(all.filter((one) => one > from));
      }
      expect(entries.size).toBe(model.size);
    }
  });

  it('keeps few replaced entries', () => {
    const entries = new KeyedEntries<Entry>();
    for (let offset = 1; offset <= 10_000; offset++) entries.set(entry(`k${offset % 3}`, offset));
    const { order } = entries as unknown as { readonly order: unknown[] };
    expect(order.length).toBeLessThan(80);
    expect(after(entries, 0)).toEqual([9998, 9999, 10_000]);
  });

  it('keeps no value of an entry that was replaced or forgotten', () => {
    const entries = new KeyedEntries<Entry & { readonly value: string }>();
    const set = (key: string, offset: number) => {
      const made = { ...entry(key, offset), value: 'large' };
      entries.set(made);
      return made;
    };
    for (let offset = 1; offset <= 9; offset++) set(`k${offset % 3}`, offset);
    entries.forget(set('other', 10));
    const { order } = entries as unknown as { readonly order: object[] };
    expect(order.map((one) => ('value' in one ? 1 : 0)).join('')).toBe('0000001110');
    expect(after(entries, 0)).toEqual([7, 8, 9]);
  });

  it('stops when it is told so, and does not forget what was replaced', () => {
    const entries = new KeyedEntries<Entry>();
    const first = entry('a', 1);
    entries.set(first);
    entries.set(entry('b', 2));
    entries.set(entry('a', 3));
    expect(after(entries, 0, 1)).toEqual([2]);
    expect(entries.forget(first)).toBe(false);
    expect(after(entries, 0)).toEqual([2, 3]);
  });
});
