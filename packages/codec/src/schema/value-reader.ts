import type { Buffer } from 'node:buffer';
import { decodeUtf8 } from '../base/utf8.ts';
import { checkCount, VALUE_BYTES } from './message-limit.ts';
import { addProperty, addToMap, MAX_DEPTH, MapKeys } from './plain-values.ts';

const TWO_32 = 2 ** 32;
/** The upper 32 bits of the first number that a `number` cannot represent exactly. */
const FIRST_INEXACT = 2 ** 21;
/** Maximum length of a text that is read byte by byte. */
const SHORT_BYTES = 12;
/** The first byte that is not a character of its own. */
const FIRST_LONG = 0x80;
const REPLACEMENT = '\uFFFD';

/**
 * Reads the values of one message in a binary format, one head after the other. Each value is counted before it is made. All
 * numbers are big endian.
 */
export abstract class ValueReader {
  protected at = 0;
  protected readonly bytes: Buffer;
  private readonly most: number;
  private values = 0;

  /** @param most - the maximum count of the message: its bytes, plus 64 for each value */
  constructor(bytes: Buffer, most: number) {
    this.bytes = bytes;
    this.most = most;
  }

  /** Returns the value of the whole message, or throws an error that describes the fault. */
  read(): unknown {
    const value = this.value(0);
    const left = this.bytes.length - this.at;
    if (left > 0) throw new Error(`${left} bytes are left over`);
    return value;
  }

  protected abstract value(depth: number): unknown;

  /** Returns the first byte of the next value, which is counted. */
  protected head(): number {
    this.values += 1;
    if (this.bytes.length + this.values * VALUE_BYTES > this.most) {
      checkCount(this.bytes, this.values, this.most);
    }
    return this.uint(1);
  }

  /** Returns a number of 1, 2 or 4 bytes. */
  protected uint(width: number): number {
    const from = this.skip(width);
    if (width === 1) return this.bytes[from]!;
    return width === 2 ? this.bytes.readUInt16BE(from) : this.bytes.readUInt32BE(from);
  }

  /** Returns a number of 1, 2, 4 or 8 bytes, as a `bigint` if a `number` cannot represent it. */
  protected whole(width: number): number | bigint {
    if (width < 8) return this.uint(width);
    const from = this.skip(8);
    const high = this.bytes.readUInt32BE(from);
    const low = this.bytes.readUInt32BE(from + 4);
    return high < FIRST_INEXACT ? high * TWO_32 + low : (BigInt(high) << 32n) | BigInt(low);
  }

  /** Returns a signed number of 1, 2, 4 or 8 bytes, as a `bigint` if a `number` cannot represent it. */
  protected signed(width: number): number | bigint {
    if (width === 8) return shortest(BigInt.asIntN(64, BigInt(this.whole(8))));
    const unused = 32 - 8 * width;
    return (this.uint(width) << unused) >> unused;
  }

  protected single(): number {
    return this.bytes.readFloatBE(this.skip(4));
  }

  protected double(): number {
    return this.bytes.readDoubleBE(this.skip(8));
  }

  /** Returns a view of the next bytes. */
  protected take(length: number): Uint8Array {
    const { buffer, byteOffset } = this.bytes;
    return new Uint8Array(buffer, byteOffset + this.skip(length), length);
  }

  /** Returns a text, or throws a `DecodeError` if its bytes are not UTF-8. */
  protected text(length: number): string {
    const from = this.skip(length);
    const short = length <= SHORT_BYTES ? this.ascii(from) : undefined;
    if (short !== undefined) return short;
    const text = this.bytes.toString('utf8', from, this.at);
    if (!text.includes(REPLACEMENT)) return text;
    return decodeUtf8(this.bytes.subarray(from, this.at));
  }

  /** Returns the text up to here if it is ASCII. For a short text, such as a key, this is faster than a call of the engine. */
  private ascii(from: number): string | undefined {
    let text = '';
    for (let at = from; at < this.at; at++) {
      const byte = this.bytes[at]!;
      if (byte >= FIRST_LONG) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /**
   * Returns the next `count` values, or all up to a break if `count` is `Infinity`. Each value has at least one byte, so that a
   * length alone allocates nothing.
   */
  protected array(count: number, depth: number): unknown[] {
    this.checkBegun(count, depth);
    const items: unknown[] = [];
    for (let left = count; !this.isOver(left); left--) items.push(this.value(depth));
    return items;
  }

  /** Returns an object, or a `Map` if a key is not a text. */
  protected map(count: number, depth: number): unknown {
    this.checkBegun(2 * count, depth);
    const object = {};
    for (let left = count; !this.isOver(left); left--) {
      const key = this.value(depth);
      if (typeof key !== 'string') return this.restOfMap(object, key, left, depth);
      addProperty(object, key, this.value(depth));
    }
    return object;
  }

  private restOfMap(begun: object, first: unknown, count: number, depth: number): unknown {
    const map = new Map<unknown, unknown>(Object.entries(begun));
    const keys = new MapKeys();
    checkKey(keys, first);
    addToMap(map, first, this.value(depth));
    for (let left = count - 1; !this.isOver(left); left--) {
      const key = this.value(depth);
      checkKey(keys, key);
      addToMap(map, key, this.value(depth));
    }
    return map;
  }

  /** Takes the break that ends an array or a map without a length. Returns false if another value is next. */
  protected isBreak(): boolean {
    return false;
  }

  private isOver(left: number): boolean {
    return left === Number.POSITIVE_INFINITY ? this.isBreak() : left === 0;
  }

  private checkBegun(values: number, depth: number): void {
    if (values !== Number.POSITIVE_INFINITY) this.checkSpace(values);
    this.checkDepth(depth);
  }

  protected checkDepth(depth: number): void {
    if (depth > MAX_DEPTH) throw new RangeError(`it is over ${MAX_DEPTH} levels deep`);
  }

  /** Moves past the next bytes. Returns the index of the first of them. */
  private skip(length: number): number {
    const from = this.at;
    this.checkSpace(length);
    this.at = from + length;
    return from;
  }

  private checkSpace(length: number): void {
    if (length > this.bytes.length - this.at) {
      throw new RangeError('the message is shorter than its lengths require');
    }
  }
}

function checkKey(keys: MapKeys, key: unknown): void {
  const why = keys.refusalOf(key);
  if (why !== undefined) throw new RangeError(why);
}

/** Returns a whole number as a `number`, if a `number` can represent it. */
export function shortest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
