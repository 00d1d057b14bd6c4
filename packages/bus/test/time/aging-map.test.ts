import { describe, expect, it } from 'vitest';
import { AgingMap } from '../../src/time/aging-map.ts';

describe('a map whose entries age', () => {
  it('forgets the oldest first, by age and by number', () => {
    const map = new AgingMap<number>(100, 3);
    for (let i = 0; i < 5; i += 1) map.set(`key-${i}`, i, i);
    expect([map.size, map.get('key-1'), map.get('key-2')]).toEqual([3, undefined, 2]);
    map.forget(103);
    expect([map.size, map.get('key-2'), map.get('key-3')]).toEqual([2, undefined, 3]);
    map.forget(1000);
    expect(map.size).toBe(0);
    map.set('again', 1, 1000);
    map.forget(1101);
    expect(map.size).toBe(0);
  });

  it('takes a key that is set again for the newest, even after it was deleted', () => {
    const map = new AgingMap<number>(100, 10);
    map.set('a', 1, 0);
    map.set('b', 2, 50);
    map.set('a', 3, 80);
    map.delete('b');
    map.set('b', 4, 90);
    map.forget(185);
    expect([map.get('a'), map.get('b')]).toEqual([undefined, 4]);
  });
});
