import { Buffer } from 'node:buffer';
import { toBuffer } from '@headrace/core/authoring';
import { shortest, ValueReader } from '../schema/value-reader.ts';
import { CborSimple, CborTag } from './cbor-value.ts';
import { fromHalf } from './half-float.ts';

/** Major types of RFC 8949, in the upper three bits of a head. */
const [UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG] = [0, 1, 2, 3, 4, 5, 6] as const;
/** The lower bits of a head without a length, and of the break that ends such a value. */
const INDEFINITE = 31;
const BREAK = 0xff;
const [POSITIVE_BIGNUM, NEGATIVE_BIGNUM] = [2, 3] as const;
/** The first simple value that is written in a byte of its own. */
const FIRST_LONG_SIMPLE = 32;

/** Reads one message of CBOR. */
export class CborReader extends ValueReader {
  protected override value(depth: number): unknown {
    const head = this.head();
    const major = head >> 5;
    const low = head & 31;
    switch (major) {
      case UINT:
        return this.argument(low);
      case NEGATIVE:
        return negative(this.argument(low));
      case BYTES:
        return low === INDEFINITE ? this.chunksOfBytes() : this.take(this.length(low));
      case TEXT:
        return low === INDEFINITE ? this.chunksOfText() : this.text(this.length(low));
      case ARRAY:
        return this.array(this.count(low), depth + 1);
      case MAP:
        return this.map(this.count(low), depth + 1);
      case TAG:
        return this.tagged(this.argument(low), depth + 1);
      default:
        return this.simple(low);
    }
  }

  /** Returns the number that belongs to a head. */
  private argument(low: number): number | bigint {
    if (low < 24) return low;
    if (low < 28) return this.whole(1 << (low - 24));
    throw new Error(`a head has the argument ${low}, which RFC 8949 reserves`);
  }

  private length(low: number): number {
    return Number(this.argument(low));
  }

  private count(low: number): number {
    return low === INDEFINITE ? Number.POSITIVE_INFINITY : this.length(low);
  }

  // --- values without a length ---

  protected override isBreak(): boolean {
    const isNext = this.bytes[this.at] === BREAK;
    if (isNext) this.at += 1;
    return isNext;
  }

  private chunksOfBytes(): Uint8Array {
    const chunks: Uint8Array[] = [];
    while (!this.isBreak()) chunks.push(this.take(this.chunkLength(BYTES)));
    const { buffer, byteOffset, length } = Buffer.concat(chunks);
    return new Uint8Array(buffer, byteOffset, length);
  }

  private chunksOfText(): string {
    let text = '';
    while (!this.isBreak()) text += this.text(this.chunkLength(TEXT));
    return text;
  }

  private chunkLength(major: number): number {
    const head = this.head();
    if (head >> 5 !== major) throw new Error('a chunk has another type than its string');
    return this.length(head & 31);
  }

  // --- tags and simple values ---

  private tagged(tag: number | bigint, depth: number): unknown {
    this.checkDepth(depth);
    const value = this.value(depth);
    if (tag !== POSITIVE_BIGNUM && tag !== NEGATIVE_BIGNUM) return new CborTag(tag, value);
    if (!(value instanceof Uint8Array)) throw new Error(`the tag ${tag} has no bytes`);
    const number = BigInt(`0x0${toBuffer(value).toString('hex')}`);
    return tag === POSITIVE_BIGNUM ? shortest(number) : negative(number);
  }

  private simple(low: number): unknown {
    switch (low) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 24:
        return longSimple(this.uint(1));
      case 25:
        return fromHalf(this.uint(2));
      case 26:
        return this.single();
      case 27:
        return this.double();
      case INDEFINITE:
        throw new Error('a break ends no value');
      default:
        if (low < 20) return new CborSimple(low);
        throw new Error(`a head has the argument ${low}, which RFC 8949 reserves`);
    }
  }
}

function negative(value: number | bigint): number | bigint {
  return shortest(-1n - BigInt(value));
}

function longSimple(value: number): CborSimple {
  if (value >= FIRST_LONG_SIMPLE) return new CborSimple(value);
  throw new Error(`the simple value ${value} has a byte of its own`);
}
