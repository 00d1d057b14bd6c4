import { type Crc, crc8, crc16CcittFalse, crc16Modbus, crc16X25, crc32 } from '@headrace/codec';
import { describe, expect, it } from 'vitest';

/** The check values of the catalogue of parametrised CRC algorithms: the checksum of the digits 1 to 9. */
const CHECKS: readonly (readonly [name: string, crc: Crc, check: number, empty: number])[] = [
  ['CRC-8/SMBUS', crc8, 0xf4, 0],
  ['CRC-16/IBM-SDLC', crc16X25, 0x906e, 0],
  ['CRC-16/IBM-3740', crc16CcittFalse, 0x29b1, 0xffff],
  ['CRC-16/MODBUS', crc16Modbus, 0x4b37, 0xffff],
  ['CRC-32/ISO-HDLC', crc32, 0xcbf4_3926, 0],
];
const DIGITS = Buffer.from('123456789');

describe('a checksum', () => {
  it.each(CHECKS)('is that of the catalogue: %s', (_name, crc, check, empty) => {
    expect([crc(DIGITS), crc(Buffer.alloc(0))]).toEqual([check, empty]);
  });

  it.each(CHECKS)('continues over several parts: %s', (_name, crc, check) => {
    for (let cut = 0; cut <= DIGITS.length; cut++) {
      expect(crc(DIGITS.subarray(cut), crc(DIGITS.subarray(0, cut)))).toBe(check);
    }
  });
});
