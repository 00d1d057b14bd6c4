// Takes the place of `node:buffer` in a page.
import type { Buffer as NodeBuffer } from 'node:buffer';
import { encodingOf, type TextEncoding } from './text-encodings.ts';

function encoding(name: string | undefined): TextEncoding {
  const found = encodingOf(name ?? 'utf8');
  if (found === undefined) throw new TypeError(`Unknown encoding: ${name}`);
  return found;
}

function outOfRange(name: string, wanted: string, got: number | bigint): RangeError {
  const text = `The value of "${name}" is out of range. It must be ${wanted}. Received ${got}`;
  return Object.assign(new RangeError(text), { code: 'ERR_OUT_OF_RANGE' });
}

function isMemory(value: unknown): value is ArrayBufferLike {
  return (
    value instanceof ArrayBuffer ||
    (typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer)
  );
}

/** From `from` to `to`, counted from the end where they are negative, as in `slice`. */
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
    const buffer = new BrowserBuffer(size);
    return fill === undefined ? buffer : buffer.fill(fill as number, 0, size, name);
  }

  static allocUnsafe(size: number): BrowserBuffer {
    return new BrowserBuffer(size);
  }

  static allocUnsafeSlow(size: number): BrowserBuffer {
    return new BrowserBuffer(size);
  }

  static isBuffer(value: unknown): boolean {
    return value instanceof BrowserBuffer;
  }

  static isEncoding(name: unknown): boolean {
    return typeof name === 'string' && encodingOf(name) !== undefined;
  }

  static byteLength(data: string | ArrayBufferLike | ArrayBufferView, name?: string): number {
    return typeof data === 'string' ? encoding(name).encode(data).length : data.byteLength;
  }

  static concat(parts: readonly Uint8Array[], length?: number): BrowserBuffer {
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

  /** A view, as Node's; an array's own makes a copy. */
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
    return BrowserBuffer.compare(plain(this, start, end), plain(other, otherStart, otherEnd));
  }

  copy(target: Uint8Array, targetStart = 0, start = 0, end = this.length): number {
    const length = Math.max(0, Math.min(end, this.length) - start);
    const count = Math.min(length, Math.max(0, target.length - targetStart));
    if (count > 0) target.set(plain(this, start, start + count), targetStart);
    return count;
  }

  write(text: string, ...rest: (string | number | undefined)[]): number {
    const name = rest.find((one) => typeof one === 'string');
    const [offset = 0, length] = rest.filter((one) => typeof one !== 'string') as number[];
    const room = Math.min(length ?? Number.POSITIVE_INFINITY, this.length - offset);
    const bytes = encoding(name).encode(text);
    let count = Math.min(bytes.length, Math.max(0, room));
    // No character is cut.
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

type Wanted = number | string | Uint8Array;

/** The same memory. */
function over({ buffer, byteOffset, length }: Uint8Array): BrowserBuffer {
  return new BrowserBuffer(buffer as ArrayBuffer, byteOffset, length);
}

/** A view that is no Buffer: its text and its bytes are read without a class of ours. */
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
  const part = typeof needle === 'number' ? [needle & 0xff] : needle;
  const last = bytes.length - part.length;
  const begin = typeof from === 'number' ? from : step === 1 ? 0 : bytes.length;
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

/** The numbers that a DataView reads and writes: its word for each, bytes, and what fits. */
const NUMBERS: ReadonlyArray<
  readonly [name: string, view: string, bytes: number, min?: number | bigint, max?: number | bigint]
> = [
  ['UInt8', 'Uint8', 1, 0, 0xff],
  ['UInt16', 'Uint16', 2, 0, 0xffff],
  ['UInt32', 'Uint32', 4, 0, 0xffff_ffff],
  ['Int8', 'Int8', 1, -0x80, 0x7f],
  ['Int16', 'Int16', 2, -0x8000, 0x7fff],
  ['Int32', 'Int32', 4, -0x8000_0000, 0x7fff_ffff],
  ['BigUInt64', 'BigUint64', 8, 0n, 2n ** 64n - 1n],
  ['BigInt64', 'BigInt64', 8, -(2n ** 63n), 2n ** 63n - 1n],
  ['Float', 'Float32', 4],
  ['Double', 'Float64', 8],
];

type View = Readonly<Record<string, (offset: number, ...rest: unknown[]) => number | bigint>>;

/** A place of so many bytes within the buffer. */
function viewAt(bytes: Uint8Array, offset: number, size: number): View {
  const last = bytes.length - size;
  if (!Number.isInteger(offset)) throw outOfRange('offset', 'an integer', offset);
  if (offset < 0 || offset > last) {
    throw outOfRange('offset', `>= 0 and <= ${Math.max(0, last)}`, offset);
  }
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size) as unknown as View;
}

function checkFits(value: number | bigint, min: number | bigint, max: number | bigint): void {
  if (value < min || value > max) throw outOfRange('value', `>= ${min} and <= ${max}`, value);
}

function checkByteLength(size: number): void {
  if (!Number.isInteger(size) || size < 1 || size > 6) {
    throw outOfRange('byteLength', '>= 1 and <= 6', size);
  }
}

function method(name: string, made: (...args: never[]) => unknown): void {
  const names = [name, name.replace('UInt', 'Uint')];
  for (const one of names) {
    Object.defineProperty(BrowserBuffer.prototype, one, {
      value: made,
      writable: true,
      configurable: true,
    });
  }
}

function addNumbers(): void {
  for (const [name, view, size, min, max] of NUMBERS) {
    for (const order of size === 1 ? [''] : ['LE', 'BE']) {
      const isLittle = order === 'LE';
      method(`read${name}${order}`, function (this: BrowserBuffer, offset = 0) {
        return viewAt(this, offset, size)[`get${view}`]!(0, isLittle);
      });
      method(
        `write${name}${order}`,
        function (this: BrowserBuffer, value: number | bigint, offset = 0) {
          if (min !== undefined) checkFits(value, min, max!);
          viewAt(this, offset, size)[`set${view}`]!(0, value, isLittle);
          return offset + size;
        },
      );
    }
  }
}

/** The numbers of one to six bytes. */
function addIntegers(): void {
  for (const isSigned of [false, true]) {
    const name = isSigned ? 'Int' : 'UInt';
    for (const order of ['LE', 'BE']) {
      const at = (i: number, size: number): number => (order === 'LE' ? i : size - 1 - i);
      method(`read${name}${order}`, function (this: BrowserBuffer, offset: number, size: number) {
        checkByteLength(size);
        viewAt(this, offset, size);
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + this[offset + at(i, size)]!;
        return isSigned && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
      });
      method(
        `write${name}${order}`,
        function (this: BrowserBuffer, value: number, offset: number, size: number) {
          checkByteLength(size);
          const all = 2 ** (8 * size);
          if (isSigned) checkFits(value, -all / 2, all / 2 - 1);
          else checkFits(value, 0, all - 1);
          viewAt(this, offset, size);
          let rest = value < 0 ? value + all : value;
          for (let i = 0; i < size; i++) {
            this[offset + at(i, size)] = rest % 256;
            rest = Math.floor(rest / 256);
          }
          return offset + size;
        },
      );
    }
  }
}

function complete(): typeof NodeBuffer {
  addNumbers();
  addIntegers();
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
