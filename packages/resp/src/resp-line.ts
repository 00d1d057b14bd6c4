import { Buffer, isUtf8 } from 'node:buffer';
import {
  parseBigNumber,
  parseBoolean,
  parseDouble,
  parseInteger,
  respError,
} from './resp-number.ts';
import { RespError, RespNull, RespSimple, type RespValue } from './resp-value.ts';

const MINUS = 0x2d;
const REPLACEMENT = '\uFFFD';
/** Maximum number of digits of a short number. A number with more digits can be inexact. */
const MAX_SHORT_DIGITS = 15;

const LINE_TYPES: readonly number[] = Array.from(Buffer.from('+-:_#,(.'));

export function isLineType(type: number): boolean {
  return LINE_TYPES.includes(type);
}

/** Returns the value of a line without its type and its end. */
export function lineValue(type: number, line: Buffer): RespValue {
  if (type === 0x3a) return integer(line);
  // A copy, because the bytes of an error must not keep the whole read alive.
  if (type === MINUS) return new RespError(isUtf8(line) ? line : Buffer.from(line));
  const text = line.toString();
  switch (type) {
    case 0x2b: // +
      if (text.includes(REPLACEMENT) && !isUtf8(line)) {
        throw respError('invalid simple string', 'a simple string is not UTF-8');
      }
      return text === 'OK' ? RespSimple.OK : new RespSimple(text);
    case 0x23: // #
      return parseBoolean(text);
    case 0x2c: // ,
      return parseDouble(text);
    case 0x28: // (
      return parseBigNumber(text);
    default:
      if (text !== '') throw respError('invalid null', 'a null has a value');
      return RespNull.STRING;
  }
}

/** Parses short numbers without a conversion to text. */
function integer(line: Buffer): number | bigint {
  const { length } = line;
  const isNegative = line[0] === MINUS;
  const first = isNegative ? 1 : 0;
  if (length === first || length > MAX_SHORT_DIGITS) return parseInteger(line.toString('latin1'));
  let value = 0;
  for (let at = first; at < length; at++) {
    const digit = line[at]! - 48;
    if (digit < 0 || digit > 9) return parseInteger(line.toString('latin1'));
    value = value * 10 + digit;
  }
  return isNegative ? 0 - value : value;
}
