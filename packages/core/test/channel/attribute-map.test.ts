import { describe, expect, it } from 'vitest';
import { AttributeMap } from '../../src/channel/attribute-map.ts';
import { AttributeKey } from '../../src/contract/attribute-key.ts';

describe('the attributes of a channel', () => {
  it('are set, replaced and removed, the first one as all others', () => {
    const map = new AttributeMap();
    const keys = ['a', 'b', 'c'].map((name) => new AttributeKey<string>(name));
    for (const key of keys) expect([map.get(key), map.has(key)]).toEqual([undefined, false]);
    for (const key of keys) expect(map.set(key, `${key}1`)).toBe(undefined);
    for (const key of keys) expect(map.set(key, `${key}2`)).toBe(`${key}1`);
    for (const key of keys) expect([map.get(key), map.has(key)]).toEqual([`${key}2`, true]);
    for (const key of keys) {
      expect(map.set(key, undefined)).toBe(`${key}2`);
      expect([map.get(key), map.has(key)]).toEqual([undefined, false]);
    }
    for (const key of keys.toReversed()) map.set(key, `${key}3`);
    expect(keys.map((key) => map.get(key))).toEqual(keys.map((key) => `${key}3`));
  });
});
