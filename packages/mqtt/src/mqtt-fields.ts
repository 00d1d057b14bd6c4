import { Buffer } from 'node:buffer';
import { writeVarint } from '@headrace/codec/authoring';
import { EncodeError } from '@headrace/core';

// The fields of a packet, as they are written.

export function uint16(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff) {
    return Buffer.of(value >> 8, value & 0xff);
  }
  throw refuse(`${value} does not fit two bytes`);
}

/** Writes a whole number that was checked. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Writes a whole number up to 268,435,455 that was checked. */
export function varint(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  return bytes.subarray(0, writeVarint(bytes, 0, value));
}

export function binary(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint16(bytes.length), bytes]);
}

export function text(value: string): Buffer {
  if (value.includes('\0')) throw refuse('a text has a zero in it');
  if (/\p{Surrogate}/u.test(value)) throw refuse('a text has half a surrogate pair');
  return binary(Buffer.from(value));
}

export function refuse(why: string): EncodeError {
  return new EncodeError('MESSAGE_NOT_ENCODABLE', `no MQTT packet: ${why}`);
}
