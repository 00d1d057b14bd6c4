import { describe, expect, it } from 'vitest';
import { keyIn, keyToken } from '../../src/nats/state-key.ts';
import {
  changedBy,
  decodeRecord,
  encodeRecord,
  FLOOR_TOKEN,
  type StateRecord,
  tagOf,
} from '../../src/nats/state-record.ts';

const EPOCH = '2026-11-30T074211.123456789Z-abcdefghijkl';

describe('the record of a message of a state in NATS', () => {
  it('is read from a header as it was written, and is short enough for the largest value', () => {
    const floor: StateRecord = { kind: 'f', epoch: EPOCH, floor: 1e12, writers: [] };
    expect(decodeRecord(encodeRecord(floor), 7)).toEqual(floor);
    let writers: StateRecord['writers'] = [];
    for (let i = 0; i < 100; i++) {
      writers = changedBy(writers, `wr-_${i}`, tagOf(`${i}`)).map((change) => {
        return { ...change, sequence: change.sequence || 1e12 + i };
      });
    }
    const record: StateRecord = { kind: 'r', epoch: EPOCH, floor: 0, writers };
    expect(encodeRecord(record).length).toBeLessThan(400);
    expect(decodeRecord(encodeRecord(record), 7)).toEqual(record);
    for (const text of [undefined, '', 's - x', `x${encodeRecord(record)}`]) {
      expect(decodeRecord(text, 7)).toBe(undefined);
    }
  });

  it('has the last change of each of the newest twelve writers, and the message itself', () => {
    const written = (before: StateRecord['writers'], writer: string, at: number) => {
      const writers = changedBy(before, writer, tagOf(`${at}`));
      const text = encodeRecord({ kind: 's', epoch: EPOCH, floor: 0, writers });
      return decodeRecord(text, at)!.writers;
    };
    let writers: StateRecord['writers'] = [];
    for (const [i, writer] of ['a', 'a', 'b', 'a'].entries()) {
      writers = written(writers, writer, i + 1);
    }
    expect(writers.map(({ writer, sequence }) => `${writer}${sequence}`)).toEqual(['b3', 'a4']);
    for (let i = 0; i < 11; i++) writers = written(writers, `w${i}`, 5 + i);
    expect(writers.map(({ writer }) => writer).slice(0, 2)).toEqual(['a', 'w0']);
    expect(writers.length).toBe(12);
    expect(writers[0]!.tag).toBe(tagOf('4'));
  });

  it('is of a key whose token is one level of a subject, and of no other key', () => {
    const keys = ['a', 'pa', 'a.b', '*', '>', ' ', '\0', 'é', '\ud83d', '\ude00', 'x'.repeat(1024)];
    const tokens = keys.map(keyToken);
    expect(new Set([...tokens, FLOOR_TOKEN]).size).toBe(keys.length + 1);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(tokens.map((token) => keyIn(`hr.papp.s.proom.${token}`))).toEqual(keys);
  });
});
