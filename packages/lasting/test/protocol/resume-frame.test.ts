import { isHeadraceError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import {
  decodeResumeFrame,
  encodeResumeFrame,
  NO_LIMIT,
  type ResumeFrame,
} from '../../src/protocol/resume-frame.ts';

const ID = '0123456789abcdef';
const SECRET = 'ÿecret-of-16-byt'.slice(0, 16);
const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');

const TERMS = { windowMs: 60_000, creditBytes: 1_048_576, maxFrameBytes: 65_536 };

const LAYOUTS: readonly (readonly [ResumeFrame, string])[] = [
  [{ kind: 'open', ...TERMS }, '01030000ea600010000000010000'],
  [
    { kind: 'opened', ...TERMS, id: ID, secret: SECRET },
    `02030000ea600010000000010000${hex(ID)}${hex(SECRET)}`,
  ],
  [
    { kind: 'resume', id: ID, secret: SECRET, received: 0x0102_0304_0506, maxFrameBytes: 65_536 },
    `0303${hex(ID)}${hex(SECRET)}01020304050600010000`,
  ],
  [
    { kind: 'resumed', received: 7, secret: SECRET, maxFrameBytes: NO_LIMIT },
    `04000000000007${hex(SECRET)}ffffffff`,
  ],
  [{ kind: 'gone', code: 1, retryAfterMs: 1000, text: 'héh' }, `0501000003e868c3a968`],
  [{ kind: 'data', payload: Buffer.from('hi') }, '066869'],
  [{ kind: 'many', payloads: [Buffer.from('hi'), Buffer.alloc(0)] }, '0a000268690000'],
  [{ kind: 'ack', received: 300 }, '0700000000012c'],
  [{ kind: 'end', reason: 'idle' }, '0869646c65'],
  [{ kind: 'move', spreadMs: 5000, places: undefined }, '0900001388'],
  [
    { kind: 'move', spreadMs: 5000, places: [{ host: 'b', port: 1 }, { path: '/s' }] },
    `0900001388${Buffer.from('[{"host":"b","port":1},{"path":"/s"}]').toString('hex')}`,
  ],
];

const WRONG: readonly (readonly [string, string])[] = [
  ['an empty frame', ''],
  ['kind 0', '00'],
  ['a reserved kind', '0b00'],
  ['a MANY that is cut off', '0a000168690002'],
  ['kind 255', 'ff'],
  ['a short OPEN', '01030000ea6000100000000100'],
  ['an OPEN without version', '01'],
  ['a long OPEN', '01030000ea60001000000001000000'],
  ['a short OPENED', `02030000ea600010000000010000${hex(ID)}`],
  ['an OPENED of another version', `02020000ea6000100000${hex(ID)}${hex(SECRET)}`],
  ['a short RESUME', `0303${hex(ID)}${hex(SECRET)}010203040506`],
  ['a short RESUMED', '04000000000007'],
  ['a short GONE', '0501000003'],
  ['a GONE of code 0', '0500000003e8'],
  ['a GONE of code 6', '0506000003e8'],
  ['a short ACK', '070000000001'],
  ['a long ACK', '070000000000012c'],
  ['an END that is not UTF-8', '08ff'],
  ['a GONE that is not UTF-8', '0501000003e8c3'],
  ['a short MOVE', '09000013'],
  ['a MOVE without JSON', '09000013887b'],
  ['a MOVE without a list', '09000013887b7d'],
  [
    'a MOVE with a port of 0',
    `0900001388${Buffer.from('[{"host":"b","port":0}]').toString('hex')}`,
  ],
  [
    'a MOVE with two kinds of place',
    `0900001388${Buffer.from('[{"host":"b","path":"/s"}]').toString('hex')}`,
  ],
];

describe('the frames of lasting channels', () => {
  for (const [frame, bytes] of LAYOUTS) {
    it(`writes and reads ${frame.kind} as ${bytes}`, () => {
      expect(encodeResumeFrame(frame).toString('hex')).toBe(bytes);
      expect(decodeResumeFrame(Buffer.from(bytes, 'hex'))).toEqual(frame);
    });
  }

  for (const [name, bytes] of WRONG) {
    it(`refuses ${name}, with its bytes`, () => {
      let thrown: unknown;
      try {
        decodeResumeFrame(Buffer.from(bytes, 'hex'));
      } catch (error) {
        thrown = error;
      }
      expect(isHeadraceError(thrown, 'MESSAGE_INVALID')).toBe(true);
      expect((thrown as Error).message).toContain(`(${bytes.slice(0, 32)})`);
    });
  }

  it('reports another version in OPEN and RESUME, whatever follows', () => {
    const other = { kind: 'other-version', version: 1 };
    expect(decodeResumeFrame(Buffer.from('0101aabb', 'hex'))).toEqual(other);
    expect(decodeResumeFrame(Buffer.from('0301', 'hex'))).toEqual(other);
  });
});
