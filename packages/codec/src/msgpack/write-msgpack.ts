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
import { MsgpackExt, TIME_TYPE } from './msgpack-ext.ts';
import { MsgpackReader } from './read-msgpack.ts';

const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n;
const TWO_32 = 2 ** 32;
const TWO_34 = 2 ** 34;
const NANOSECONDS_OF_MS = 1e6;
const MAX_TIME_BYTES = 12;

/** Returns the bytes of a message. Throws an `EncodeError` for a value that would be read as another value. */
export function writeMsgpack(message: unknown): Buffer {
  return bytesOf((output) => writeValue(output, message, 0));
}

function writeValue(output: ByteOutput, value: unknown, depth: number): void {
  if (typeof value === 'string') writeText(output, value);
  else if (typeof value === 'number') writeNumber(output, value);
  else if (typeof value === 'boolean') output.uint8(value ? 0xc3 : 0xc2);
  else if (value === null) output.uint8(0xc0);
  else if (typeof value === 'object') writeObject(output, value, depth + 1);
  else if (typeof value === 'bigint') writeBigint(output, value);
  else throw notEncodable(value, 'MessagePack');
}

function writeObject(output: ByteOutput, value: object, depth: number): void {
  checkDepth(depth);
  if (Array.isArray(value)) writeArray(output, value, depth);
  else if (value instanceof Uint8Array) writeBytes(output, value);
  else if (value instanceof Map) writeMap(output, value, depth);
  else if (value instanceof Date) writeTime(output, value.getTime());
  else if (value instanceof MsgpackExt) writeExtension(output, value);
  else if (isPlainObject(value)) writeProperties(output, value, depth);
  else throw notEncodable(value, 'MessagePack');
}

/** Writes a number in its shortest form. `first` is the head of the form of one byte. */
function writeLength(output: ByteOutput, first: number, length: number): void {
  if (length < 0x100) output.headed(first, 1, length);
  else if (length < 0x10000) output.headed(first + 1, 2, length);
  else if (length < TWO_32) output.headed(first + 2, 4, length);
  else throw tooLong(length);
}

function writeCount(output: ByteOutput, fixed: number, first: number, count: number): void {
  if (count < 16) output.uint8(fixed | count);
  else if (count < 0x10000) output.headed(first, 2, count);
  else if (count < TWO_32) output.headed(first + 1, 4, count);
  else throw tooLong(count);
}

function tooLong(length: number): EncodeError {
  return new EncodeError('MESSAGE_TOO_LONG', `MessagePack has no length of ${length}`, { length });
}

function writeText(output: ByteOutput, text: string): void {
  checkWellFormed(text);
  const length = Buffer.byteLength(text);
  if (length < 32) output.uint8(0xa0 | length);
  else writeLength(output, 0xd9, length);
  output.utf8(text);
}

function writeBytes(output: ByteOutput, bytes: Uint8Array): void {
  writeLength(output, 0xc4, bytes.length);
  output.bytes(bytes);
}

function writeNumber(output: ByteOutput, value: number): void {
  // An integer has no negative zero.
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) output.headedDouble(0xcb, value);
  else if (value >= 0) writePositive(output, value);
  else writeNegative(output, value);
}

function writePositive(output: ByteOutput, value: number): void {
  if (value < 0x80) output.uint8(value);
  else if (value < 0x100) output.headed(0xcc, 1, value);
  else if (value < 0x10000) output.headed(0xcd, 2, value);
  else if (value < TWO_32) output.headed(0xce, 4, value);
  else output.headed(0xcf, 8, value);
}

function writeNegative(output: ByteOutput, value: number): void {
  if (value >= -0x20) output.uint8(0x100 + value);
  else if (value >= -0x80) output.headed(0xd0, 1, value);
  else if (value >= -0x8000) output.headed(0xd1, 2, value);
  else if (value >= -0x80000000) output.headed(0xd2, 4, value);
  else output.headed(0xd3, 8, value);
}

function writeBigint(output: ByteOutput, value: bigint): void {
  const number = Number(value);
  if (Number.isSafeInteger(number)) writeNumber(output, number);
  else if (value >= 0 && value < MAX_UINT64) output.headedBig(0xcf, value);
  else if (value < 0 && value >= MIN_INT64) output.headedBig(0xd3, value);
  else throw notEncodable(value, 'MessagePack', ' of more than 64 bits');
}

function writeArray(output: ByteOutput, items: readonly unknown[], depth: number): void {
  const { length } = items;
  writeCount(output, 0x90, 0xdc, length);
  for (let i = 0; i < length; i++) writeValue(output, items[i], depth);
}

function writeMap(output: ByteOutput, map: Map<unknown, unknown>, depth: number): void {
  writeCount(output, 0x80, 0xde, map.size);
  const keys = new MapKeys();
  for (const [key, value] of map) {
    checkWrittenKey(keys, key);
    writeValue(output, key, depth);
    writeValue(output, value, depth);
  }
}

/** Writes the properties of an object. MessagePack has no `undefined`, so a property without a value is left out. */
function writeProperties(output: ByteOutput, object: object, depth: number): void {
  const keys: string[] = [];
  const values: unknown[] = [];
  for (const key of Object.keys(object)) {
    const value = (object as Record<string, unknown>)[key];
    if (value === undefined) continue;
    keys.push(key);
    values.push(value);
  }
  writeCount(output, 0x80, 0xde, keys.length);
  for (let i = 0; i < keys.length; i++) {
    writeText(output, keys[i]!);
    writeValue(output, values[i], depth);
  }
}

function writeExtension(output: ByteOutput, { type, data }: MsgpackExt): void {
  const isType = Number.isInteger(type) && type >= -0x80 && type < 0x80;
  if (!isType || !(data instanceof Uint8Array)) {
    throw new EncodeError(
      'MESSAGE_NOT_ENCODABLE',
      `a MsgpackExt has the type ${type}, not -128 to 127, or no bytes`,
    );
  }
  if (type === TIME_TYPE && !isOtherTime(data)) {
    throw new EncodeError(
      'MESSAGE_NOT_ENCODABLE',
      'a MsgpackExt of type -1 is not a time that only an extension can represent: write a Date',
    );
  }
  const { length } = data;
  if (length > 0 && length <= 16 && (length & (length - 1)) === 0) {
    output.uint8(0xd4 + Math.log2(length));
  } else writeLength(output, 0xc7, length);
  output.uint8(type & 0xff);
  output.bytes(data);
}

/** Returns true for a time that a `Date` cannot represent, which is read as an extension. */
function isOtherTime(data: Uint8Array): boolean {
  if (data.length > MAX_TIME_BYTES) return false;
  const bytes = Buffer.concat([Buffer.from([0xc7, data.length, TIME_TYPE & 0xff]), data]);
  try {
    return new MsgpackReader(bytes, Number.POSITIVE_INFINITY).read() instanceof MsgpackExt;
  } catch {
    return false;
  }
}

/** Writes a time in the shortest of its three forms. */
function writeTime(output: ByteOutput, ms: number): void {
  if (Number.isNaN(ms)) throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'a Date has no time');
  const seconds = Math.floor(ms / 1000);
  const nanoseconds = (ms - seconds * 1000) * NANOSECONDS_OF_MS;
  const type = TIME_TYPE & 0xff;
  if (nanoseconds === 0 && seconds >= 0 && seconds < TWO_32) {
    output.uint8(0xd6);
    output.headed(type, 4, seconds);
  } else if (seconds >= 0 && seconds < TWO_34) {
    output.uint8(0xd7);
    output.headedBig(type, (BigInt(nanoseconds) << 34n) | BigInt(seconds));
  } else {
    output.headed(0xc7, 1, 12);
    output.headed(type, 4, nanoseconds);
    output.int64(seconds);
  }
}
