import { isHeadraceError } from '@headrace/core';
import { expect, it } from 'vitest';
import {
  decodeParts,
  encodeParts,
  type SessionHeader,
  type SessionState,
} from '../../src/protocol/session-bytes.ts';

const state: SessionState = {
  id: 'i'.repeat(16),
  secrets: ['\xff'.repeat(16), 's'.repeat(16)],
  secretsBefore: 2,
  windowMs: 60_000,
  creditBytes: 2000,
  keptCreditBytes: 1000,
  taken: 7,
  acknowledged: 3,
  highest: 4,
  kept: [Buffer.from('four'), Buffer.alloc(0)],
  waiting: [Buffer.from('six')],
  endReason: undefined,
  isClosed: false,
  isKnown: true,
  remote: { host: '192.0.2.1', port: 5, family: 'IPv4' },
  principal: { name: 'ann' },
  saved: ['a'],
};

const payloads = [...state.kept, ...state.waiting];
const headerOf = ({ kept, waiting: _, ...header }: SessionState): SessionHeader => ({
  ...header,
  keptCount: kept.length,
});
const encode = (given: SessionState): Buffer => encodeParts(1, headerOf(given), payloads);

const wrong = (bytes: Uint8Array): string => {
  try {
    decodeParts(1, bytes);
  } catch (thrown) {
    if (isHeadraceError(thrown, 'MESSAGE_INVALID')) return thrown.message;
    throw thrown;
  }
  return 'taken';
};

it('a session is the same after its way through bytes', () => {
  const { header, payloads: messages } = decodeParts(1, encode(state));
  expect({ ...header, remote: { ...header.remote } }).toEqual(headerOf(state));
  expect(messages).toEqual(payloads);
});

it('bytes that are cut off anywhere in a message or before are refused', () => {
  const bytes = encodeParts(1, headerOf(state), [Buffer.from('one')]);
  const headerEnd = bytes.length - 7;
  for (let length = 0; length < bytes.length; length++) {
    // Without any message, the header is whole.
    const expected = length === headerEnd ? 'taken' : expect.stringContaining('cut off');
    expect(wrong(bytes.subarray(0, length)), `${length}`).toEqual(expected);
  }
});

it('bytes of another version, and those that no session makes, are refused', () => {
  const bytes = encode(state);
  bytes[0] = 2;
  expect(wrong(bytes)).toContain('their version is 2, here it is 1');
  expect(wrong(Buffer.from([1, 0, 0, 0, 1, 0x7b]))).toContain('not JSON');
  expect(wrong(Buffer.from([1, 0, 0, 0, 4, ...Buffer.from('null')]))).toContain(
    'the header is not valid',
  );
});

it.each<[string, Partial<Record<keyof SessionState, unknown>>]>([
  ['id', { id: 'short' }],
  ['id', { id: '\u0100'.repeat(16) }],
  ['secrets', { secrets: 's'.repeat(16) }],
  ['secrets', { secrets: [] }],
  ['secrets', { secrets: ['x'] }],
  ['secretsBefore', { secretsBefore: -1 }],
  ['windowMs', { windowMs: -1 }],
  ['creditBytes', { creditBytes: 2 ** 32 }],
  ['keptCreditBytes', { keptCreditBytes: 1.5 }],
  ['taken', { taken: '7' }],
  ['acknowledged', { acknowledged: 2 ** 48 }],
  ['highest', { highest: 2 }],
  ['endReason', { endReason: 5 }],
  ['isClosed', { isClosed: true }],
  ['isKnown', { isKnown: 1 }],
  ['remote', { remote: { host: 5 } }],
])('a session with a wrong %s is refused', (name, change) => {
  const text = wrong(encode({ ...state, ...change } as SessionState));
  expect(text).toContain(`${name} is not valid`);
});
