import { isHeadraceError, type OutboundBytes } from '@headrace/core';
import { appendTo, toBuffer } from '@headrace/core/authoring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryExchange } from '../../src/exchange/binary-exchange.ts';
import { readings } from './readings.ts';

const format = binaryExchange();
const hex = (message: unknown): string =>
  toBuffer(message as Uint8Array)
    .toString('hex')
    .replace(/..(?=.)/g, '$& ');
const read = (bytes: string | Uint8Array): string[] => {
  const message = typeof bytes === 'string' ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : bytes;
  return readings(format, Buffer.from(message));
};
const body = Buffer.from('hi');

describe('binaryExchange', () => {
  it.each([
    ['a request', format.request(1, body, 10_000), '01 00 00 00 00 01 00 00 27 10 68 69'],
    [
      'one without an end',
      format.request(2, body, Infinity),
      '01 00 00 00 00 02 00 00 00 00 68 69',
    ],
    [
      'one with a long time',
      format.request(3, body, 2 ** 40),
      '01 00 00 00 00 03 ff ff ff ff 68 69',
    ],
    ['the last id', format.request(2 ** 32 - 1, body, 1), '01 00 ff ff ff ff 00 00 00 01 68 69'],
    ['a response', format.response!(0xfe_dc_ba_98, body), '02 00 fe dc ba 98 68 69'],
    ['an answer of nothing', format.response!(1, undefined), '02 00 00 00 00 01'],
    ['an error', format.error!(1, 1024, 'hi'), '03 00 00 00 00 01 04 00 68 69'],
    ['a cancel', format.cancel!(258), '04 00 00 00 01 02'],
    ['a notification', format.notification!(body), '05 00 00 00 00 00 68 69'],
  ])('writes %s', (_, message, bytes) => {
    expect(hex(message)).toBe(bytes);
    const parts: Uint8Array[] = [];
    appendTo(parts, message as OutboundBytes);
    expect(hex(Buffer.concat(parts))).toBe(bytes);
  });

  it.each([
    ['01 00 00 00 00 01 00 00 27 10 68 69', 'request 1 hi 10000'],
    ['01 00 ff ff ff ff 00 00 00 00', 'request 4294967295  Infinity'],
    ['02 00 80 00 00 00 68 69', 'response 2147483648 hi'],
    ['03 00 00 00 00 01 04 00 68 69', 'refusal 1 1024 hi'],
    ['03 00 00 00 00 01 00 05', 'refusal 1 5 '],
    ['04 00 00 00 01 02', 'cancel 258'],
    ['05 00 00 00 00 00 68 69', 'notification hi'],
  ])('reads %s', (bytes, reading) => {
    expect(read(bytes)).toEqual([reading]);
  });

  it.each([
    ['', /no whole header|without a whole header/],
    ['01 00 00 00 00', /without a whole header/],
    ['01 01 00 00 00 01 00 00 00 00', /second byte is not 0/],
    ['01 00 00 00 00 00 00 00 00 00', /the id 0 in a frame of kind 1/],
    ['05 00 00 00 00 01', /the id 1 in a frame of kind 5/],
    ['01 00 00 00 00 01 00 00 00', /too short/],
    ['03 00 00 00 00 01 04', /too short/],
    ['04 00 00 00 00 01 00', /a cancel with a body/],
    ['0c 00 00 00 00 01', /unknown kind 12 .*6 bytes, it begins with 0c 00 00 00 00 01/],
    ['00 00 00 00 00 01', /unknown kind 0/],
  ])('refuses %s with its bytes', (bytes, text) => {
    expect(() => read(bytes)).toThrow(text);
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'HR_ERR_MESSAGE_INVALID' }));
  });

  it('refuses values that are not bytes', () => {
    expect(() => readings(format, 'text' as never)).toThrow(
      /^a text, but bytes were expected, as a frame decoder before it makes \(text\)/,
    );
  });

  it('writes a body that is not a Buffer yet, and refuses one that is not bytes', () => {
    const source = format.response!(1, body)!;
    expect(hex(format.request(2, source, 1))).toBe(
      '01 00 00 00 00 02 00 00 00 01 02 00 00 00 00 01 68 69',
    );
    expect(() => format.request(1, 'hi' as never, 1)).toThrow(/a Uint8Array or a ByteSource/);
    for (const code of [0, -1, 65_536, 1.5]) {
      expect(() => format.error!(1, code, '')).toThrow(/from 1 to 65535/);
    }
  });

  it('gives bodies that are views of the frame, wherever it lies', () => {
    const memory = Buffer.from('xx05000000000068696a', 'latin1');
    const frame = Buffer.from(memory.subarray(2).toString(), 'hex');
    const padded = Buffer.concat([Buffer.alloc(3), frame, Buffer.alloc(3)]).subarray(
      3,
      3 + frame.length,
    );
    expect(read(padded)).toEqual(['notification hij']);
  });

  it('reads what it writes, and refuses anything else with an error of its own', () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    const id = fc.integer({ min: 1, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(id, bytes, fc.integer({ min: 1, max: 2 ** 32 - 1 }), (id, body, timeLeftMs) => {
        const text = Buffer.from(body).toString();
        expect(read(toBuffer(format.request(id, body, timeLeftMs)))).toEqual([
          `request ${id} ${text} ${timeLeftMs}`,
        ]);
        expect(read(toBuffer(format.response!(id, body)!))).toEqual([`response ${id} ${text}`]);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 14 }), fc.nat(6), fc.boolean(), (junk, kind, near) => {
        if (near && junk.length > 1) {
          junk[0] = kind;
          junk[1] = 0;
        }
        try {
          expect(read(junk)).toHaveLength(1);
        } catch (thrown) {
          if (!isHeadraceError(thrown, 'MESSAGE_INVALID')) throw thrown;
        }
      }),
    );
  });
});
