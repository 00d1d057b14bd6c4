import { describe, expect, it } from 'vitest';
import { bearerKey, isBearerKey } from '../../src/health/bearer.ts';

describe('bearerKey', () => {
  it.each<[string | undefined, number]>([
    ['Bearer b', 1],
    ['bearer  a ', 0],
    ['Bearer c', -1],
    ['Basic a', -1],
    ['Bearer a b', -1],
    ['Bearer', -1],
    [undefined, -1],
  ])('finds the key of the header %j at %i', (header, position) => {
    expect(bearerKey(header, ['a', 'b'])).toBe(position);
  });

  it('finds no key in a missing header, even if a key is empty', () => {
    expect(bearerKey(undefined, [''])).toBe(-1);
  });
});

describe('isBearerKey', () => {
  it.each<[unknown, boolean]>([
    ['a!~', true],
    ['', false],
    ['a b', false],
    ['\u00e9', false],
    [5, false],
  ])('is, for %j, %s', (key, isKey) => {
    expect(isBearerKey(key)).toBe(isKey);
  });
});
