import { isHeadraceError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import type { SessionHeader } from '../../src/protocol/session-bytes.ts';
import { encodeParts } from '../../src/protocol/session-bytes.ts';
import {
  encodeRecord,
  foldRecords,
  type SessionRecord,
} from '../../src/protocol/session-record.ts';

const HEADER: SessionHeader = {
  id: 'i'.repeat(16),
  secrets: ['\xff'.repeat(16)],
  secretsBefore: 2,
  windowMs: 60_000,
  creditBytes: 2000,
  keptCreditBytes: 1000,
  taken: 9,
  acknowledged: 3,
  highest: 5,
  keptCount: 2,
  endReason: undefined,
  isClosed: false,
  isKnown: true,
  remote: { host: '192.0.2.1', port: 5, family: 'IPv4' },
  principal: { name: 'ann' },
  saved: ['a'],
};
const texts = (...list: string[]): Buffer[] => list.map((text) => Buffer.from(text));

/** A whole record, with messages 4 and 5, and the messages 2 and 7 of the client. */
const WHOLE: SessionRecord = {
  header: HEADER,
  name: 'w 1',
  fresh: texts('four', ''),
  unfinished: [2, 7],
  freshUnfinished: texts('two', 'seven'),
};
/** The client has 4; 6 and the client's message 8 came, and its 2 is done. */
const NEXT: SessionRecord = {
  header: { ...HEADER, acknowledged: 4, keptCount: 2, taken: 10 },
  name: 'w 2',
  fresh: texts('six'),
  unfinished: [7, 8],
  freshUnfinished: texts('eight'),
};
const records = (...list: SessionRecord[]): Buffer[] => list.map(encodeRecord);

const wrong = (list: readonly Uint8Array[], received = 0): string => {
  try {
    foldRecords(list, received);
  } catch (thrown) {
    if (isHeadraceError(thrown, 'MESSAGE_INVALID')) return thrown.message;
    throw thrown;
  }
  return 'taken';
};

describe('the records of a channel', () => {
  it('are one state, as of the last of them', () => {
    const { name, state, unfinished } = foldRecords(records(WHOLE, NEXT));
    expect(state).toEqual({
      id: HEADER.id,
      secrets: HEADER.secrets,
      secretsBefore: 2,
      windowMs: 60_000,
      creditBytes: 2000,
      keptCreditBytes: 1000,
      taken: 10,
      acknowledged: 4,
      highest: 6,
      endReason: undefined,
      isClosed: false,
      isKnown: true,
      remote: HEADER.remote,
      principal: { name: 'ann' },
      saved: ['a'],
      kept: texts('', 'six'),
      waiting: [],
    });
    expect(unfinished.map(({ number, payload }) => [number, String(payload)])).toEqual([
      [7, 'seven'],
      [8, 'eight'],
    ]);
    expect(name).toBe('w 2');
  });

  it('leave out what their client has got since, and no more than there is', () => {
    const kept = (received: number): [number, string[]] => {
      const { state } = foldRecords(records(WHOLE, NEXT), received);
      return [state.acknowledged, state.kept.map(String)];
    };
    expect(kept(5)).toEqual([5, ['six']]);
    expect(kept(6)).toEqual([6, []]);
    // The protocol refuses these.
    expect(kept(7)).toEqual([4, ['', 'six']]);
    expect(kept(2 ** 48 - 1)).toEqual([4, ['', 'six']]);
  });

  it('let messages beyond the credit of the client wait', () => {
    const header = { ...HEADER, keptCreditBytes: 64 + 4 + 64, keptCount: 3 };
    const record = { ...WHOLE, header, fresh: texts('four', '', 'six') };
    const { kept, waiting, highest } = foldRecords(records(record)).state;
    expect([kept.map(String), waiting.map(String), highest]).toEqual([['four', ''], ['six'], 5]);
  });

  it('are refused when they are cut off anywhere', () => {
    const [whole, next] = records(WHOLE, NEXT);
    for (let length = 0; length < next!.length; length++) {
      expect(wrong([whole!, next!.subarray(0, length)]), `${length}`).not.toBe('taken');
    }
  });

  it('are refused when there is none, or when one is missing that is needed', () => {
    expect(wrong([])).toContain('there is no record');
    expect(wrong(records(NEXT))).toContain('2 messages are not there');
    const further = { ...NEXT, header: { ...NEXT.header, keptCount: 3 }, name: 'w 3' };
    const both = { ...further, fresh: texts('six', 'seven') };
    expect(wrong(records(WHOLE, both))).toBe('taken');
    expect(wrong(records(WHOLE, { ...both, fresh: texts('seven') }))).toContain(
      'message 6 is not there',
    );
    const unheard = { ...WHOLE, unfinished: [1, 2, 7] };
    expect(wrong(records(unheard))).toContain('message 1 is not there');
  });

  it.each<[string, Partial<Record<string, unknown>>]>([
    ['no name', { name: 7 }],
    ['more messages than there are', { freshCount: 3 }],
    ['fewer messages than there are', { freshCount: 1 }],
    ['an absurd count of messages', { freshCount: 2 ** 48 - 1 }],
    ['a count that is none', { freshCount: -2, freshUnfinished: 6 }],
    ['a count that is a text', { freshCount: '2' }],
    ['more new messages of the client than are under way', { unfinished: [7] }],
    ['numbers that are no list', { unfinished: { length: 2 } }],
    ['numbers that are none', { unfinished: [2, 7.5] }],
    ['a number twice', { unfinished: [7, 7] }],
    ['numbers in a wrong order', { unfinished: [7, 2] }],
    ['an absurd count of kept messages', { keptCount: 2 ** 48 - 1 }],
    ['absurd numbers', { acknowledged: 2 ** 48 - 1, highest: 2 ** 48 - 1, keptCount: 3 }],
    ['no secrets', { secrets: [] }],
  ])('are refused with %s', (_what, change) => {
    const header = {
      ...HEADER,
      name: 'w 1',
      freshCount: 2,
      unfinished: [2, 7],
      freshUnfinished: 2,
      ...change,
    };
    const { fresh, freshUnfinished } = WHOLE;
    expect(wrong([encodeParts(129, header, [...fresh, ...freshUnfinished])])).not.toBe('taken');
  });

  it('are refused when they are of another version, or a whole session', () => {
    const [bytes] = records(WHOLE);
    bytes![0] = 1;
    expect(wrong([bytes!])).toContain('their version is 1, here it is 129');
    expect(wrong([Buffer.from([129, 0xff, 0xff, 0xff, 0xff, 0x7b])])).toContain('cut off');
    expect(wrong([Buffer.from([129, 0, 0, 0, 4, ...Buffer.from('null')])])).toContain('the header');
  });
});
