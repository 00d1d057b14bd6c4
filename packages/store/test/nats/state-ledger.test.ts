import { describe, expect, it } from 'vitest';
import { keyIn, keyToken } from '../../src/nats/state-key.ts';
import {
  decodeHeader,
  EMPTY,
  encodeHeader,
  ranOn,
  type StateLedger,
  wroteAt,
} from '../../src/nats/state-ledger.ts';

describe('the ledger of a state in NATS', () => {
  it('is read from a header as it was written, and is short enough for the largest value', () => {
    let runs: StateLedger['runs'] = [];
    expect(decodeHeader(encodeHeader({ isRemoval: false, mark: '-', ledger: EMPTY }))).toEqual({
      ...{ isRemoval: false, mark: '-', ledger: EMPTY },
    });
    for (let i = 0; i < 100; i++) runs = ranOn(runs, `wr-_${i}`, 1e12 + i);
    const ledger = { keys: 1e6, bytes: 1e12, removals: 1e6, floor: 1e12, scanned: 1e12, runs };
    const header = { isRemoval: true, mark: '-abcdefghijkl', ledger };
    expect(encodeHeader(header).length).toBeLessThan(400);
    expect(decodeHeader(encodeHeader(header))).toEqual(header);
    for (const text of [undefined, '', 's - 1 2', `x${encodeHeader(header)}`]) {
      expect(decodeHeader(text)).toBe(undefined);
    }
  });

  it('has the last run of each of the newest twelve writers', () => {
    let runs: StateLedger['runs'] = [];
    for (const [sequence, writer] of ['a', 'a', 'b', 'a', 'a'].entries()) {
      runs = ranOn(runs, writer, sequence + 1);
    }
    const ledger = { ...EMPTY, runs };
    expect([1, 2, 3, 4, 5, 6].map((at) => wroteAt(ledger, 'a', at))).toEqual([
      ...[false, false, false, true, true, false],
    ]);
    expect(wroteAt(ledger, 'b', 3)).toBe(true);
    for (let i = 0; i < 11; i++) runs = ranOn(runs, `w${i}`, 6 + i);
    expect(runs.map(({ writer }) => writer).slice(0, 2)).toEqual(['a', 'w0']);
    expect(runs.length).toBe(12);
  });

  it('is of a key whose token is one level of a subject, and of no other key', () => {
    const keys = ['a', 'pa', 'a.b', '*', '>', ' ', '\0', 'é', '\ud83d', '\ude00', 'x'.repeat(1024)];
    const tokens = keys.map(keyToken);
    expect(new Set(tokens).size).toBe(keys.length);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(tokens.map((token) => keyIn(`hr.papp.s.proom.${token}`))).toEqual(keys);
  });
});
