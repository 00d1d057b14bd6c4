import type { ErrorDetails } from '@headrace/core';
import { DecodeError } from '@headrace/core';
import { RespBigNumber, RespDouble } from './resp-value.ts';

const MAX_INT64 = 2n ** 63n;
/** Maximum number of digits. The time for parsing grows with the square of the digits. */
const MAX_BIG_DIGITS = 4096;
const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
/** Redis before 7.2 writes the text of its C library, which can contain a sign and the bits. */
const NOT_A_NUMBER = /^[+-]?nan(?:\(\w*\))?$/i;

/** Returns an error about the peer's input. `redis` is the text of Redis, which follows "Protocol error: ". */
export function respError(redis: string, text: string, details: ErrorDetails = {}): DecodeError {
  return new DecodeError('FRAME_CORRUPT', `this is not RESP: ${text}`, { redis, ...details });
}

/** Parses a signed 64-bit number. Returns a `bigint` if a `number` cannot represent it. */
export function parseInteger(text: string): number | bigint {
  if (!WHOLE.test(text) || text.length > 20) throw notA('integer', text);
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value + 0;
  const big = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (big >= MAX_INT64 || big < -MAX_INT64) throw notA('64-bit integer', text);
  return big;
}

export function parseDouble(text: string): RespDouble {
  const lower = text.toLowerCase();
  if (lower === 'inf' || lower === '+inf') return new RespDouble(Number.POSITIVE_INFINITY);
  if (lower === '-inf') return new RespDouble(Number.NEGATIVE_INFINITY);
  if (NOT_A_NUMBER.test(text)) return new RespDouble(Number.NaN);
  if (!DECIMAL.test(text)) throw notA('double', text);
  return new RespDouble(Number(text));
}

export function parseBigNumber(text: string): RespBigNumber {
  if (!WHOLE.test(text) || text.length > MAX_BIG_DIGITS) throw notA('big number', text);
  return new RespBigNumber(BigInt(text.startsWith('+') ? text.slice(1) : text));
}

export function parseBoolean(text: string): boolean {
  if (text !== 't' && text !== 'f') throw notA('boolean', text);
  return text === 't';
}

function notA(kind: string, text: string): DecodeError {
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
  return respError(`invalid ${kind}`, `${shown} is not a valid ${kind}`);
}
