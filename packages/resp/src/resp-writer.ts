import { Buffer } from 'node:buffer';
import { checkWellFormed } from '@headrace/codec';
import { EncodeError } from '@headrace/core';
import {
  RespAttributed,
  RespBigNumber,
  RespDouble,
  RespError,
  type RespInput,
  RespMap,
  RespNull,
  RespPush,
  RespSet,
  RespSimple,
  RespVerbatim,
} from './resp-value.ts';

const FIRST_BYTES = 4096;
/** Maximum size of the memory that is kept after a message. */
const KEPT_BYTES = 256 * 1024;
const MAX_DEPTH = 128;
const CR = 13;
const LF = 10;
const MINUS = 0x2d;
const SPACE = 0x20;
const BULK_ERROR = 0x21; // !
const LINE_BREAK = /[\r\n]/;
const MAX_INT64 = 2n ** 63n;

/** Writes messages into memory that is reused for the next message. */
export class RespWriter {
  private memory: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private at = 0;
  private isV3 = false;

  /** Returns the bytes of one message, in memory of their own. Throws an `EncodeError`. */
  encode(value: RespInput, protocol: 2 | 3): Buffer {
    this.at = 0;
    this.isV3 = protocol === 3;
    this.value(value, 0);
    const bytes = Buffer.allocUnsafe(this.at);
    this.memory.copy(bytes, 0, 0, this.at);
    if (this.memory.length > KEPT_BYTES) this.memory = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return bytes;
  }

  private value(value: RespInput, depth: number): void {
    if (typeof value === 'string') this.text(value);
    else if (typeof value === 'number') this.number(value);
    else if (value === null) this.nothing('string');
    else if (typeof value === 'boolean') this.boolean(value);
    else if (typeof value === 'bigint') this.bigint(value);
    else if (value instanceof Uint8Array) this.bytes(value);
    else if (Array.isArray(value)) this.items('*', value, value.length, depth);
    else this.object(value as Exclude<RespInput, readonly RespInput[]>, depth);
  }

  private object(value: RespInput, depth: number): void {
    if (value instanceof RespSimple) this.line('+', value.text);
    else if (value instanceof RespError) this.error(value);
    else if (value instanceof RespNull) this.nothing(value.kind);
    else if (value instanceof RespMap) this.map('%', value, depth);
    else if (value instanceof RespSet)
      this.items(this.isV3 ? '~' : '*', value.items, value.items.length, depth);
    else if (value instanceof RespPush) this.push(value, depth);
    else if (value instanceof RespDouble) this.double(value.value);
    else if (value instanceof RespBigNumber) this.bigNumber(value.value);
    else if (value instanceof RespVerbatim) this.verbatim(value);
    else if (value instanceof RespAttributed) this.attributed(value, depth);
    else throw notEncodable(value);
  }

  // --- aggregates ---

  private items(type: string, items: readonly RespInput[], count: number, depth: number): void {
    if (depth >= MAX_DEPTH) {
      throw new EncodeError(
        'MESSAGE_NOT_ENCODABLE',
        `a RESP message is over ${MAX_DEPTH} levels deep`,
      );
    }
    this.head(type.charCodeAt(0), count);
    for (let at = 0; at < items.length; at++) this.value(items[at]!, depth + 1);
  }

  private push({ items }: RespPush<RespInput>, depth: number): void {
    if (this.isV3 && depth > 0) {
      throw new EncodeError(
        'MESSAGE_NOT_ENCODABLE',
        'a RespPush is a message, and within no other',
      );
    }
    this.items(this.isV3 ? '>' : '*', items, items.length, depth);
  }

  private map(type: '%' | '|', { items }: RespMap<RespInput>, depth: number): void {
    if (this.isV3) this.items(type, items, items.length / 2, depth);
    else this.items('*', items, items.length, depth);
  }

  private attributed({ attributes, value }: RespAttributed<RespInput>, depth: number): void {
    // Version 2 has no form for attributes.
    if (this.isV3) this.map('|', attributes, depth);
    if (depth >= MAX_DEPTH) throw notEncodable(value);
    this.value(value, depth + 1);
  }

  // --- strings ---

  private text(text: string): void {
    checkWellFormed(text);
    const most = text.length * 3;
    this.ensure(most + 24);
    if (text.length > 42) {
      this.head(0x24, Buffer.byteLength(text));
      this.at += this.memory.write(text, this.at);
    } else {
      // The text is written after a head of one digit, and moved if the head needs more digits.
      const from = this.at + 4;
      const length = this.memory.write(text, from);
      if (length > 9) this.memory.copyWithin(from + (length > 99 ? 2 : 1), from, from + length);
      this.head(0x24, length);
      this.at += length;
    }
    this.lineEnd();
  }

  private bytes(bytes: Uint8Array): void {
    this.ensure(bytes.length + 24);
    this.head(0x24, bytes.length);
    this.memory.set(bytes, this.at);
    this.at += bytes.length;
    this.lineEnd();
  }

  private verbatim({ format, data }: RespVerbatim): void {
    if (!this.isV3) {
      this.bytes(data);
      return;
    }
    if (!/^[\x20-\x7e]{3}$/.test(format)) {
      throw new EncodeError(
        'MESSAGE_NOT_ENCODABLE',
        `"${format}" is not a format of three characters`,
      );
    }
    this.ensure(data.length + 28);
    this.head(0x3d, data.length + 4);
    this.at += this.memory.write(`${format}:`, this.at, 'latin1');
    this.memory.set(data, this.at);
    this.at += data.length;
    this.lineEnd();
  }

  private error({ text, bytes }: RespError): void {
    if (bytes !== undefined) {
      this.errorOfBytes(bytes);
      return;
    }
    if (!this.isV3 || !LINE_BREAK.test(text)) {
      this.line('-', text.replace(/[\r\n]+/g, ' '));
      return;
    }
    checkWellFormed(text);
    const length = Buffer.byteLength(text);
    this.ensure(length + 24);
    this.head(BULK_ERROR, length);
    this.at += this.memory.write(text, this.at);
    this.lineEnd();
  }

  private errorOfBytes(bytes: Uint8Array): void {
    this.ensure(bytes.length + 24);
    const isLine = !bytes.includes(CR) && !bytes.includes(LF);
    if (isLine || !this.isV3) this.memory[this.at++] = MINUS;
    else this.head(BULK_ERROR, bytes.length);
    this.memory.set(bytes, this.at);
    this.at += bytes.length;
    if (!isLine && !this.isV3) {
      const line = this.memory.subarray(this.at - bytes.length, this.at);
      for (let i = 0; i < line.length; i++) if (line[i] === CR || line[i] === LF) line[i] = SPACE;
    }
    this.lineEnd();
  }

  // --- lines ---

  private line(type: string, text: string): void {
    if (LINE_BREAK.test(text)) {
      throw new EncodeError(
        'MESSAGE_NOT_ENCODABLE',
        'a RespSimple with a line break in it: write a string or a Buffer',
      );
    }
    checkWellFormed(text);
    this.ensure(text.length * 3 + 3);
    this.memory[this.at++] = type.charCodeAt(0);
    this.at += this.memory.write(text, this.at);
    this.lineEnd();
  }

  private number(value: number): void {
    // An integer has no negative zero.
    if (Object.is(value, -0) || !Number.isInteger(value)) this.double(value);
    else if (Number.isSafeInteger(value)) this.head(0x3a, value);
    else this.bigint(BigInt(value));
  }

  private bigint(value: bigint): void {
    if (value < MAX_INT64 && value >= -MAX_INT64) this.line(':', String(value));
    else this.bigNumber(value);
  }

  private boolean(value: boolean): void {
    if (this.isV3) this.line('#', value ? 't' : 'f');
    else this.head(0x3a, value ? 1 : 0);
  }

  private double(value: number): void {
    const text = doubleText(value);
    if (this.isV3) this.line(',', text);
    else this.text(text);
  }

  private bigNumber(value: bigint): void {
    if (this.isV3) this.line('(', String(value));
    else this.text(String(value));
  }

  private nothing(kind: 'string' | 'array'): void {
    if (this.isV3) this.line('_', '');
    else this.line(kind === 'array' ? '*' : '$', '-1');
  }

  private head(type: number, value: number): void {
    this.ensure(24);
    const { memory } = this;
    memory[this.at++] = type;
    let rest = value;
    if (rest < 0) {
      memory[this.at++] = MINUS;
      rest = -rest;
    }
    let digits = 1;
    for (let power = 10; power <= rest; power *= 10) digits += 1;
    for (let at = this.at + digits - 1; at >= this.at; at--) {
      const tenth = Math.floor(rest / 10);
      // The parentheses keep the result exact up to 2^53.
      memory[at] = 48 + (rest - tenth * 10);
      rest = tenth;
    }
    this.at += digits;
    this.lineEnd();
  }

  private lineEnd(): void {
    this.memory[this.at++] = CR;
    this.memory[this.at++] = LF;
  }

  private ensure(more: number): void {
    const needed = this.at + more + 2;
    if (needed <= this.memory.length) return;
    const larger = Buffer.allocUnsafeSlow(needed * 2);
    this.memory.copy(larger, 0, 0, this.at);
    this.memory = larger;
  }
}

/** Returns a double in the form of Redis, with all digits that are needed to read the same value again. */
function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}

function notEncodable(value: unknown): EncodeError {
  const type = typeof value === 'object' ? (value?.constructor?.name ?? 'object') : typeof value;
  return new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `a ${type} is not a value of the Redis protocol`,
    {
      type,
    },
  );
}
