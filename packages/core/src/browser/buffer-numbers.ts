// The methods of a Buffer that read and write numbers.
import { checkNumber, checkPlace, outOfRange } from './buffer-checks.ts';

/** The numbers that a DataView reads and writes: name, name in DataView, bytes, minimum and maximum. */
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

/** Number of bytes in the integers of JavaScript's bit operators. */
const INTEGER_BYTES = 4;

type View = Readonly<Record<string, (offset: number, ...rest: unknown[]) => number | bigint>>;

/** Returns a view of `size` bytes within the buffer. */
function viewAt(bytes: Uint8Array, offset: number, size: number): View {
  checkNumber('offset', offset);
  const last = bytes.length - size;
  // As in Node, a fraction is reported before a buffer that is too short, any other wrong offset after it.
  if (Math.floor(offset) !== offset) throw outOfRange('offset', 'an integer', offset);
  if (last < 0) throw tooShort();
  checkPlace('offset', offset, last);
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size) as unknown as View;
}

function tooShort(): RangeError {
  const text = 'Attempt to access memory outside buffer bounds';
  return Object.assign(new RangeError(text), { code: 'ERR_BUFFER_OUT_OF_BOUNDS' });
}

function checkFits(value: number | bigint, min: number | bigint, max: number | bigint): void {
  if (value < min || value > max) throw outOfRange('value', `>= ${min} and <= ${max}`, value);
}

function checkByteLength(size: number): void {
  checkNumber('byteLength', size);
  if (!Number.isInteger(size) || size < 1 || size > 6) {
    throw outOfRange('byteLength', '>= 1 and <= 6', size);
  }
}

type AddMethod = (name: string, made: (this: Uint8Array, ...args: never[]) => unknown) => void;

/** Adds the methods to the prototype of a class of bytes. */
export function addNumbers(prototype: Uint8Array): void {
  const add: AddMethod = (name, made) => {
    for (const one of [name, name.replace('UInt', 'Uint')]) {
      Object.defineProperty(prototype, one, { value: made, writable: true, configurable: true });
    }
  };
  addViewed(add);
  addIntegers(add);
}

function addViewed(add: AddMethod): void {
  for (const [name, view, size, min, max] of NUMBERS) {
    const isBig = typeof min === 'bigint';
    for (const order of size === 1 ? [''] : ['LE', 'BE']) {
      const isLittle = order === 'LE';
      add(`read${name}${order}`, function (offset = 0) {
        return viewAt(this, offset, size)[`get${view}`]!(0, isLittle);
      });
      add(`write${name}${order}`, function (given: number | bigint, offset = 0) {
        const value = isBig ? given : +(given as number);
        if (size === 1) checkNumber('offset', offset);
        if (min !== undefined) checkFits(value, min, max!);
        const at = viewAt(this, offset, size);
        if (isBig && typeof value !== 'bigint') throw new TypeError('the value must be a bigint');
        at[`set${view}`]!(0, value, isLittle);
        return offset + size;
      });
    }
  }
}

/** Adds the methods for integers of one to six bytes. */
function addIntegers(add: AddMethod): void {
  for (const isSigned of [false, true]) {
    const name = isSigned ? 'Int' : 'UInt';
    for (const order of ['LE', 'BE']) {
      const at = (i: number, size: number): number => (order === 'LE' ? i : size - 1 - i);
      add(`read${name}${order}`, function (offset: number, size: number) {
        if (offset === undefined) checkNumber('offset', offset);
        checkByteLength(size);
        viewAt(this, offset, size);
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + this[offset + at(i, size)]!;
        return isSigned && value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
      });
      add(`write${name}${order}`, function (given: number, offset: number, size: number) {
        checkByteLength(size);
        const value = +given;
        const all = 2 ** (8 * size);
        if (size === 1) checkNumber('offset', offset);
        if (isSigned) checkFits(value, -all / 2, all / 2 - 1);
        else checkFits(value, 0, all - 1);
        viewAt(this, offset, size);
        // As in Node, the low four bytes are those of the integer, and the rest is rounded down.
        const high = Math.floor(value / 2 ** 32);
        for (let i = 0; i < size; i++) {
          const isLow = i < INTEGER_BYTES;
          this[offset + at(i, size)] = isLow
            ? value >>> (8 * i)
            : high >>> (8 * (i - INTEGER_BYTES));
        }
        return offset + size;
      });
    }
  }
}
