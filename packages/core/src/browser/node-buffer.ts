// Replaces `node:buffer` in a page.
import type { Buffer as NodeBuffer } from 'node:buffer';
import { checkNumber, checkPlace, invalidType, outOfRange } from './buffer-checks.ts';
import { addNumbers } from './buffer-numbers.ts';
import { byteLengthOf, encodingOf, type TextEncoding } from './text-encodings.ts';

function encoding(name: string | undefined): TextEncoding {
  const found = encodingOf(name ?? 'utf8');
  if (found === undefined) throw new TypeError(`Unknown encoding: ${name}`);
  return found;
}

function isMemory(value: unknown): value is ArrayBufferLike {
  return (
    value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer)
  );
}

/** Limits an index to the length. As in `slice`, a negative index counts from the end. */
function clamped(at: number | undefined, otherwise: number, length: number): number {
  const index = Math.trunc(at ?? otherwise) || 0;
  return Math.min(Math.max(index < 0 ? index + length : index, 0), length);
}

/** A `Uint8Array` with the methods of Node's Buffer. */
class BrowserBuffer extends Uint8Array {
  static readonly poolSize = 0;

  static override from(data: unknown, second?: unknown, third?: unknown): BrowserBuffer {
    if (typeof data === 'string') return over(encoding(second as string | undefined).encode(data));
    if (isMemory(data)) {
      const offset = (second as number | undefined) ?? 0;
      const length = (third as number | undefined) ?? data.byteLength - offset;
      return new BrowserBuffer(data as ArrayBuffer, offset, length);
    }
    if (typeof data !== 'object' || data === null) {
      throw new TypeError(`a Buffer is made of a string, bytes, or memory, not of ${typeof data}`);
    }
    const json = data as { readonly type?: unknown; readonly data?: unknown };
    const isJson = json.type === 'Buffer' && Array.isArray(json.data);
    const bytes = (isJson ? json.data : data) as ArrayLike<number>;
    const copy = new BrowserBuffer(bytes.length ?? 0);
    for (let at = 0; at < copy.length; at++) copy[at] = bytes[at]!;
    return copy;
  }

  static override of(...bytes: number[]): BrowserBuffer {
    return BrowserBuffer.from(bytes);
  }

  static alloc(size: number, fill?: string | number | Uint8Array, name?: string): BrowserBuffer {
    const buffer = new BrowserBuffer(checkedSize(size));
    return fill === undefined ? buffer : buffer.fill(fill as number, 0, size, name);
  }

  static allocUnsafe(size: number): BrowserBuffer {
    return new BrowserBuffer(checkedSize(size));
  }

  static allocUnsafeSlow(size: number): BrowserBuffer {
    return new BrowserBuffer(checkedSize(size));
  }

  static isBuffer(value: unknown): boolean {
    return value instanceof BrowserBuffer;
  }

  static isEncoding(name: unknown): boolean {
    return typeof name === 'string' && encodingOf(name) !== undefined;
  }

  static byteLength(data: string | ArrayBufferLike | ArrayBufferView, name?: string): number {
    if (typeof data === 'string') return byteLengthOf(data, name);
    if (isMemory(data) || ArrayBuffer.isView(data)) return data.byteLength;
    throw invalidType('string', 'a string, bytes, or memory', data);
  }

  static concat(parts: readonly Uint8Array[], length?: number): BrowserBuffer {
    if (!Array.isArray(parts)) throw invalidType('list', 'an array', parts);
    const strange = parts.find((part) => !(part instanceof Uint8Array));
    if (strange !== undefined) throw invalidType('list', 'an array of bytes', strange);
    if (length !== undefined) checkPlace('length', length);
    const total = length ?? parts.reduce((sum, part) => sum + part.length, 0);
    const all = new BrowserBuffer(total);
    let end = 0;
    for (const part of parts) {
      if (end >= total) break;
      const room = total - end;
      all.set(part.length > room ? part.subarray(0, room) : part, end);
      end += part.length;
    }
    return all;
  }

  static compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1 {
    const length = Math.min(a.length, b.length);
    for (let at = 0; at < length; at++) if (a[at] !== b[at]) return a[at]! < b[at]! ? -1 : 1;
    if (a.length === b.length) return 0;
    return a.length < b.length ? -1 : 1;
  }

  override toString(name?: string, start?: number, end?: number): string {
    const from = clamped(Math.max(start ?? 0, 0), 0, this.length);
    const to = clamped(Math.max(end ?? this.length, 0), this.length, this.length);
    const { decode } = encoding(name);
    return from >= to ? '' : decode(plain(this, from, to));
  }

  override toLocaleString(): string {
    return this.toString();
  }

  toJSON(): { type: 'Buffer'; data: number[] } {
    return { type: 'Buffer', data: Array.from(this as Uint8Array) };
  }

  /** Returns a view, as in Node. The method of `Uint8Array` returns a copy. */
  override slice(start?: number, end?: number): this {
    return this.subarray(start, end) as this;
  }

  equals(other: Uint8Array): boolean {
    return BrowserBuffer.compare(this, other) === 0;
  }

  compare(
    other: Uint8Array,
    otherStart = 0,
    otherEnd = other.length,
    start = 0,
    end = this.length,
  ): -1 | 0 | 1 {
    checkPlace('targetStart', otherStart);
    checkPlace('targetEnd', otherEnd, other.length);
    checkPlace('sourceStart', start);
    checkPlace('sourceEnd', end, this.length);
    if (start >= end) return otherStart >= otherEnd ? 0 : -1;
    if (otherStart >= otherEnd) return 1;
    return BrowserBuffer.compare(plain(this, start, end), plain(other, otherStart, otherEnd));
  }

  copy(target: Uint8Array, targetStart?: number, start?: number, end?: number): number {
    const to = whole(targetStart, 0);
    if (to < 0) throw outOfRange('targetStart', '>= 0', to);
    const from = whole(start, 0);
    if (from < 0 || from > this.length) {
      throw outOfRange('sourceStart', `>= 0 && <= ${this.length}`, from);
    }
    const until = whole(end, this.length);
    if (until < 0) throw outOfRange('sourceEnd', '>= 0', until);
    const length = Math.min(until, this.length) - from;
    const count = Math.min(length, target.length - to);
    if (count <= 0) return 0;
    target.set(plain(this, from, from + count), to);
    return count;
  }

  write(text: string, ...rest: (string | number | undefined)[]): number {
    // As in Node, arguments after a missing offset are ignored.
    if (rest[0] === undefined && rest.length > 1) return this.write(text);
    const name = rest.find((one) => typeof one === 'string');
    const [offset = 0, length] = rest.filter((one) => typeof one !== 'string') as number[];
    checkPlace('offset', offset, this.length);
    if (length !== undefined) checkPlace('length', length, this.length);
    const room = Math.min(length ?? this.length, this.length - offset);
    const bytes = encoding(name).encode(text);
    let count = Math.min(bytes.length, Math.max(0, room));
    // No character is split.
    if (encoding(name) === encoding('utf8')) {
      while (count > 0 && count < bytes.length && (bytes[count]! & 0xc0) === 0x80) count -= 1;
    } else if (encoding(name) === encoding('utf16le')) count -= count % 2;
    this.set(bytes.subarray(0, count), offset);
    return count;
  }

  override fill(
    value: number | string | Uint8Array,
    ...rest: (number | string | undefined)[]
  ): this {
    const name = rest.find((one) => typeof one === 'string');
    const [start = 0, end = this.length] = rest.filter(
      (one) => typeof one === 'number',
    ) as number[];
    if (!(start >= 0)) throw outOfRange('offset', '>= 0', start);
    if (!(end >= 0 && end <= this.length)) {
      throw outOfRange('end', `>= 0 and <= ${this.length}`, end);
    }
    const pattern = typeof value === 'string' ? encoding(name).encode(value) : value;
    if (typeof pattern === 'number') return super.fill(pattern & 0xff, start, end);
    if (pattern.length === 0) return super.fill(0, start, end);
    for (let at = start; at < end; at++) this[at] = pattern[(at - start) % pattern.length]!;
    return this;
  }

  swap16(): this {
    return swap(this, 2) as this;
  }

  swap32(): this {
    return swap(this, 4) as this;
  }

  swap64(): this {
    return swap(this, 8) as this;
  }

  override indexOf(wanted: Wanted, from?: number | string, name?: string): number {
    return place(this, wanted, from, name, 1);
  }

  override lastIndexOf(wanted: Wanted, from?: number | string, name?: string): number {
    return place(this, wanted, from, name, -1);
  }

  override includes(wanted: Wanted, from?: number | string, name?: string): boolean {
    return place(this, wanted, from, name, 1) >= 0;
  }
}

function swap(bytes: BrowserBuffer, size: 2 | 4 | 8): BrowserBuffer {
  if (bytes.length % size !== 0) {
    const text = `Buffer size must be a multiple of ${8 * size}-bits`;
    throw Object.assign(new RangeError(text), { code: 'ERR_INVALID_BUFFER_SIZE' });
  }
  for (let at = 0; at < bytes.length; at += size) plain(bytes, at, at + size).reverse();
  return bytes;
}

/** Checks a size. The available memory is the only other limit. */
function checkedSize(size: number): number {
  checkNumber('size', size);
  if (size >= 0 && size <= Number.MAX_SAFE_INTEGER) return size;
  throw outOfRange('size', `>= 0 && <= ${Number.MAX_SAFE_INTEGER}`, size);
}

/**
 * Returns the value rounded down, as in Node: `otherwise` for `undefined`, 0 for a value that is not a number or far too large.
 */
function whole(given: number | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  const rounded = Math.floor(+given);
  return Number.isSafeInteger(rounded) ? rounded : 0;
}

type Wanted = number | string | Uint8Array;

/** Returns a Buffer over the same memory. */
function over({ buffer, byteOffset, length }: Uint8Array): BrowserBuffer {
  return new BrowserBuffer(buffer as ArrayBuffer, byteOffset, length);
}

/** Returns a view that is a plain Uint8Array, so that reading it does not use our class. */
function plain(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + from, Math.max(0, to - from));
}

function place(
  bytes: Uint8Array,
  wanted: Wanted,
  from: number | string | undefined,
  name: string | undefined,
  step: 1 | -1,
): number {
  const used = typeof from === 'string' ? from : name;
  const needle = typeof wanted === 'string' ? encoding(used).encode(wanted) : wanted;
  if (typeof needle !== 'number' && !(needle instanceof Uint8Array)) {
    throw invalidType('value', 'a number, a string or bytes', needle);
  }
  const part = typeof needle === 'number' ? [needle & 0xff] : needle;
  const last = bytes.length - part.length;
  const given = typeof from === 'string' ? Number.NaN : Number(from);
  const begin = Number.isNaN(given) ? (step === 1 ? 0 : bytes.length) : Math.trunc(given);
  let at = begin < 0 ? begin + bytes.length : begin;
  at = step === 1 ? Math.max(at, 0) : Math.min(at, last);
  if (part.length === 0) return Math.min(Math.max(at, 0), bytes.length);
  for (; at >= 0 && at <= last; at += step) {
    let same = 0;
    while (same < part.length && bytes[at + same] === part[same]) same += 1;
    if (same === part.length) return at;
  }
  return -1;
}

function complete(): typeof NodeBuffer {
  addNumbers(BrowserBuffer.prototype);
  return BrowserBuffer as unknown as typeof NodeBuffer;
}

export const Buffer: typeof NodeBuffer = /* @__PURE__ */ complete();
export type Buffer = NodeBuffer;

/** The limit of most browsers. */
export const constants = { MAX_LENGTH: 2 ** 31 - 1, MAX_STRING_LENGTH: 2 ** 29 - 24 };

export function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const strict = /* @__PURE__ */ new TextDecoder('utf-8', { fatal: true });
