import { Buffer } from 'node:buffer';

const FIRST_BYTES = 2048;
/** Maximum size of the memory that is kept after a message. */
const KEPT_BYTES = 256 * 1024;
const TWO_32 = 2 ** 32;
/** Maximum number of UTF-8 bytes for each unit of a string. */
const UNIT_BYTES = 3;

/** Memory that grows as an encoder appends numbers, texts and bytes. All numbers are big endian. */
export class ByteOutput {
  private memory: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  private view: DataView = viewOf(this.memory);
  private at = 0;

  uint8(value: number): void {
    this.ensure(1);
    this.memory[this.at++] = value;
  }

  /** Appends a first byte and a number of `width` bytes: 1, 2, 4 or 8. */
  headed(head: number, width: number, value: number): void {
    this.ensure(1 + width);
    const { view, at } = this;
    view.setUint8(at, head);
    if (width === 1) view.setUint8(at + 1, value);
    else if (width === 2) view.setUint16(at + 1, value);
    else if (width === 4) view.setUint32(at + 1, value);
    else this.setInt64(at + 1, value);
    this.at = at + 1 + width;
  }

  /** Appends a whole number of 8 bytes. */
  int64(value: number): void {
    this.ensure(8);
    this.setInt64(this.at, value);
    this.at += 8;
  }

  private setInt64(at: number, value: number): void {
    this.view.setInt32(at, Math.floor(value / TWO_32));
    this.view.setUint32(at + 4, value % TWO_32);
  }

  /** Appends a first byte and the lower 64 bits of a number. */
  headedBig(head: number, value: bigint): void {
    this.ensure(9);
    this.view.setUint8(this.at, head);
    this.view.setBigUint64(this.at + 1, BigInt.asUintN(64, value));
    this.at += 9;
  }

  headedSingle(head: number, value: number): void {
    this.ensure(5);
    this.view.setUint8(this.at, head);
    this.view.setFloat32(this.at + 1, value);
    this.at += 5;
  }

  headedDouble(head: number, value: number): void {
    this.ensure(9);
    this.view.setUint8(this.at, head);
    this.view.setFloat64(this.at + 1, value);
    this.at += 9;
  }

  bytes(bytes: Uint8Array): void {
    this.ensure(bytes.length);
    this.memory.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Appends a text, which must be well-formed. */
  utf8(text: string): void {
    this.ensure(text.length * UNIT_BYTES);
    this.at += this.memory.write(text, this.at);
  }

  /** Returns a copy of what was appended since the last call. */
  take(): Buffer {
    const { at } = this;
    const bytes = Buffer.allocUnsafe(at);
    this.memory.copy(bytes, 0, 0, at);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.at = 0;
    if (this.memory.length > KEPT_BYTES) this.grow(FIRST_BYTES);
  }

  private ensure(more: number): void {
    if (this.at + more > this.memory.length) this.grow((this.at + more) * 2);
  }

  private grow(size: number): void {
    const memory = Buffer.allocUnsafeSlow(size);
    this.memory.copy(memory, 0, 0, this.at);
    this.memory = memory;
    this.view = viewOf(memory);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

let free: ByteOutput | undefined = new ByteOutput();

/** Returns the bytes that `write` appends. An encoder that runs within another one gets an output of its own. */
export function bytesOf(write: (output: ByteOutput) => void): Buffer {
  const output = free ?? new ByteOutput();
  free = undefined;
  try {
    write(output);
    return output.take();
  } finally {
    output.clear();
    free = output;
  }
}
