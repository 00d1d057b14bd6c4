import { ValueReader } from '../schema/value-reader.ts';
import { MsgpackExt, TIME_TYPE } from './msgpack-ext.ts';

/** Most seconds and milliseconds of a `Date`. */
const MAX_DATE_MS = 8.64e15;
const NANOSECONDS = 1e9;
const NANOSECONDS_OF_MS = 1e6;
const TWO_32 = 2 ** 32;

/** Reads one message of MessagePack. */
export class MsgpackReader extends ValueReader {
  protected override value(depth: number): unknown {
    const head = this.head();
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 0x100;
    if (head < 0x90) return this.map(head & 0x0f, depth + 1);
    if (head < 0xa0) return this.array(head & 0x0f, depth + 1);
    if (head < 0xc0) return this.text(head & 0x1f);
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.take(this.uint(1 << (head - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.extension(this.uint(1 << (head - 0xc7)));
      case 0xca:
        return this.single();
      case 0xcb:
        return this.double();
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.whole(1 << (head - 0xcc));
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return this.signed(1 << (head - 0xd0));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.extension(1 << (head - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.uint(1 << (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.array(this.uint(2 << (head - 0xdc)), depth + 1);
      case 0xde:
      case 0xdf:
        return this.map(this.uint(2 << (head - 0xde)), depth + 1);
      default:
        throw new Error('the byte c1 begins no value');
    }
  }

  private extension(length: number): MsgpackExt | Date {
    const type = Number(this.signed(1));
    if (type !== TIME_TYPE) return new MsgpackExt(type, this.take(length));
    const from = this.at;
    const time = this.time(length);
    if (time !== undefined) return time;
    this.at = from;
    return new MsgpackExt(type, this.take(length));
  }

  /** Returns a time, or `undefined` if a `Date` cannot represent it. */
  private time(length: number): Date | undefined {
    let nanoseconds = 0;
    let seconds: number | bigint = 0;
    if (length === 4) seconds = this.uint(4);
    else if (length === 8) {
      const upper = this.uint(4);
      nanoseconds = upper >>> 2;
      seconds = (upper & 3) * TWO_32 + this.uint(4);
    } else if (length === 12) {
      nanoseconds = this.uint(4);
      seconds = this.signed(8);
    } else throw new Error(`a time has ${length} bytes, not 4, 8 or 12`);
    if (nanoseconds >= NANOSECONDS) throw new Error(`a time has ${nanoseconds} nanoseconds`);
    const ms = Number(seconds) * 1000 + nanoseconds / NANOSECONDS_OF_MS;
    const isExact = nanoseconds % NANOSECONDS_OF_MS === 0 && Math.abs(ms) <= MAX_DATE_MS;
    return isExact ? new Date(ms) : undefined;
  }
}
