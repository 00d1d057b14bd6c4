import { describe, expect, it } from 'vitest';
import { clientIdKey } from '../src/client-id.ts';

describe('clientIdKey', () => {
  it.each([
    ['Ada', 'ada'],
    ['STRASSE', 'straße'],
    ['ẞ', 'ß'],
    ['ΟΔΟΣ', 'οδος'],
    ['ΖΟΈ', 'ζοέ'],
    ['\u212a', 'k'],
    ['ﬃ', 'FFI'],
  ])('takes %s and %s for one', (one, other) => {
    expect(clientIdKey(one)).toBe(clientIdKey(other));
  });

  it.each([
    ['ada', 'adb'],
    ['é', 'e'],
    ['ı', 'i'],
    ['а', 'a'],
  ])('keeps %s and %s apart', (one, other) => {
    expect(clientIdKey(one)).not.toBe(clientIdKey(other));
  });
});
