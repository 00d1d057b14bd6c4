import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';
import { type ByteOutput, bytesOf } from '../base/byte-output.ts';
import { checkWellFormed } from '../base/utf8.ts';
import {
  checkDepth,
  checkWrittenKey,
  isPlainObject,
  MapKeys,
  notEncodable,
} from '../schema/plain-values.ts';
import { CborSimple, CborTag } from './cbor-value.ts';
import { toHalf } from './half-float.ts';

/** Major types of RFC 8949, in the upper three bits of a head. */
const [UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG] = [0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0];
const [SIMPLE, FALSE, TRUE, NULL, UNDEFINED, HALF, SINGLE, DOUBLE] = [
  0xe0, 0xf4, 0xf5, 0xf6, 0xf7, 0xf9, 0xfa, 0xfb,
];
const [POSITIVE_BIGNUM, NEGATIVE_BIGNUM] = [2, 3];
const NAN_BITS = 0x7e00;
const TWO_32 = 2 ** 32;
const TWO_64 = 2n ** 64n;

/** Returns the bytes of a message. Throws an `EncodeError` for a value that would be read as another value. */
export function writeCbor(message: unknown): Buffer {
  if (message === undefined) throw refuse('a whole message cannot be undefined');
  return bytesOf((output) => writeValue(output, message, 0));
}

function writeValue(output: ByteOutput, value: unknown, depth: number): void {
  if (typeof value === 'string') writeText(output, value);
  else if (typeof value === 'number') writeNumber(output, value);
  else if (typeof value === 'boolean') output.uint8(value ? TRUE : FALSE);
  else if (value === null) output.uint8(NULL);
  else if (typeof value === 'object') writeObject(output, value, depth + 1);
  else if (typeof value === 'bigint') writeBigint(output, value);
  else if (value === undefined) output.uint8(UNDEFINED);
  else throw notEncodable(value, 'CBOR');
}

function writeObject(output: ByteOutput, value: object, depth: number): void {
  checkDepth(depth);
  if (Array.isArray(value)) writeArray(output, value, depth);
  else if (value instanceof Uint8Array) writeBytes(output, value);
  else if (value instanceof Map) writeMap(output, value, depth);
  else if (value instanceof CborTag) writeTag(output, value, depth);
  else if (value instanceof CborSimple) writeSimple(output, value);
  else if (isPlainObject(value)) writeProperties(output, value, depth);
  else throw notEncodable(value, 'CBOR');
}

/** Writes a head with its number in the shortest form. */
function writeHead(output: ByteOutput, major: number, value: number): void {
  if (value < 24) output.uint8(major | value);
  else if (value < 0x100) output.headed(major | 24, 1, value);
  else if (value < 0x10000) output.headed(major | 25, 2, value);
  else if (value < TWO_32) output.headed(major | 26, 4, value);
  else output.headed(major | 27, 8, value);
}

/** Writes a head with a number below 2^64. */
function writeBigHead(output: ByteOutput, major: number, value: bigint): void {
  if (value < TWO_32) writeHead(output, major, Number(value));
  else output.headedBig(major | 27, value);
}

function writeNumber(output: ByteOutput, value: number): void {
  // An integer has no negative zero.
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) writeFloat(output, value);
  else if (value >= 0) writeHead(output, UINT, value);
  else writeHead(output, NEGATIVE, -1 - value);
}

function writeFloat(output: ByteOutput, value: number): void {
  if (Math.fround(value) !== value && !Number.isNaN(value)) {
    output.headedDouble(DOUBLE, value);
    return;
  }
  const bits = Number.isNaN(value) ? NAN_BITS : toHalf(value);
  if (bits === -1) output.headedSingle(SINGLE, value);
  else output.headed(HALF, 2, bits);
}

function writeBigint(output: ByteOutput, value: bigint): void {
  const isNegative = value < 0n;
  const size = isNegative ? -1n - value : value;
  if (size < TWO_64) {
    writeBigHead(output, isNegative ? NEGATIVE : UINT, size);
    return;
  }
  const digits = size.toString(16);
  writeHead(output, TAG, isNegative ? NEGATIVE_BIGNUM : POSITIVE_BIGNUM);
  writeBytes(output, Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex'));
}

function writeText(output: ByteOutput, text: string): void {
  checkWellFormed(text);
  writeHead(output, TEXT, Buffer.byteLength(text));
  output.utf8(text);
}

function writeBytes(output: ByteOutput, bytes: Uint8Array): void {
  writeHead(output, BYTES, bytes.length);
  output.bytes(bytes);
}

function writeArray(output: ByteOutput, items: readonly unknown[], depth: number): void {
  const { length } = items;
  writeHead(output, ARRAY, length);
  for (let i = 0; i < length; i++) writeValue(output, items[i], depth);
}

function writeMap(output: ByteOutput, map: Map<unknown, unknown>, depth: number): void {
  writeHead(output, MAP, map.size);
  const keys = new MapKeys();
  for (const [key, value] of map) {
    checkWrittenKey(keys, key);
    writeValue(output, key, depth);
    writeValue(output, value, depth);
  }
}

function writeProperties(output: ByteOutput, object: object, depth: number): void {
  const keys = Object.keys(object);
  writeHead(output, MAP, keys.length);
  for (const key of keys) {
    writeText(output, key);
    writeValue(output, (object as Record<string, unknown>)[key], depth);
  }
}

function writeTag(output: ByteOutput, { tag, value }: CborTag, depth: number): void {
  const isNumber = typeof tag === 'bigint' || Number.isSafeInteger(tag);
  if (!isNumber || tag < 0 || tag >= TWO_64) throw refuse(`${tag} is not a tag`);
  const number = BigInt(tag);
  if (number === 2n || number === 3n) throw refuse(`write a bigint in place of the tag ${tag}`);
  writeBigHead(output, TAG, number);
  writeValue(output, value, depth);
}

function writeSimple(output: ByteOutput, { value }: CborSimple): void {
  if (!Number.isInteger(value) || value < 0 || value > 255 || (value > 19 && value < 32)) {
    throw refuse(`${value} is not a simple value: only 0 to 19 and 32 to 255 are`);
  }
  if (value < 20) output.uint8(SIMPLE | value);
  else output.headed(SIMPLE | 24, 1, value);
}

function refuse(why: string): EncodeError {
  return new EncodeError('MESSAGE_NOT_ENCODABLE', why);
}
