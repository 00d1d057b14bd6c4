import { RespDecoder } from '@headrace/resp';
import { describe, expect, it } from 'vitest';
import { mostHeld } from '../../codec/test/held-memory.ts';
import { noteFigures } from '../../core/test/fixture/figure.ts';

const LIMIT = 4 * 1024 * 1024;
const LONG = '*1048576\r\n';

function expectHeld(bytes: number, times: number): void {
  noteFigures('memory by its limit', { value: bytes / LIMIT });
  expect(bytes / LIMIT).toBeLessThan(times);
}

describe('the memory of an unfinished RESP message', () => {
  it.each([
    ['empty strings', '$0\r\n\r\n'],
    ['strings of a byte in arrays of one', '*1\r\n$1\r\na\r\n'],
    ['strings of a byte', '$1\r\na\r\n'],
    ['strings that are longer than what is copied', `$2049\r\n${'a'.repeat(2049)}\r\n`],
    ['large strings', `$100000\r\n${'a'.repeat(100_000)}\r\n`],
    ['empty arrays', '*0\r\n'],
    ['arrays of one number', '*1\r\n:1\r\n'],
    ['arrays of one array', '*1\r\n*1\r\n*0\r\n'],
    ['empty maps', '%0\r\n'],
    ['maps', '%1\r\n:1\r\n:1\r\n'],
    ['sets', '~1\r\n:1\r\n'],
    ['attributes', '|1\r\n:1\r\n:1\r\n:1\r\n'],
    ['no attributes', '|0\r\n:1\r\n'],
    ['numbers', ':1\r\n'],
    ['long numbers', ':9007199254740993\r\n'],
    ['doubles', ',1.5\r\n'],
    ['big numbers', '(1\r\n'],
    ['texts', '+a\r\n'],
    ['texts of two bytes a character', `+${'\u00e2\u0082\u00ac'}${'a'.repeat(100)}\r\n`],
    ['errors', '-a\r\n'],
    ['bulk errors', '!0\r\n\r\n'],
    ['verbatim strings', '=4\r\ntxt:\r\n'],
    ['nothings', '_\r\n'],
    ['strings in chunks', '$?\r\n;1\r\na\r\n;0\r\n'],
    ['arrays without a length', '*?\r\n.\r\n'],
  ])('stays within twice the limit: %s', (_name, part) => {
    const make = (): RespDecoder => new RespDecoder({ maxMessageBytes: LIMIT });
    const held = mostHeld(make, LONG, part);
    expectHeld(held, 2);
    // Otherwise it proves nothing.
    expect(held / LIMIT).toBeGreaterThan(0.1);
  });

  it('is given back when the message is refused', () => {
    const make = (): RespDecoder => new RespDecoder({ maxMessageBytes: LIMIT });
    const held = mostHeld(make, LONG, '$1\r\na\r\n', { pastTheLimit: true });
    expectHeld(held, 0.1);
  });

  it.each([
    ['one string', '$16777216\r\n', 'a'],
    ['one string in small chunks', '$?\r\n', ';1\r\na\r\n'],
    ['one string in large chunks', '$?\r\n', `;60000\r\n${'a'.repeat(60_000)}\r\n`],
  ])('stays within four times the limit with %s', (_name, head, part) => {
    const make = (): RespDecoder =>
      new RespDecoder({ maxMessageBytes: 2 * LIMIT, maxBulkBytes: LIMIT });
    expectHeld(mostHeld(make, head, part), 4);
  });
});
