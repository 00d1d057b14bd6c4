import { Buffer } from 'node:buffer';

const FIRST_BYTES = 256;

/** A string in chunks, which are joined as they arrive. Many tiny chunks would use much more memory than their bytes. */
export class StreamedString {
  private memory: Buffer = Buffer.alloc(0);
  /** Number of bytes in the string. */
  length = 0;

  add(chunk: Buffer): void {
    const length = this.length + chunk.length;
    if (length > this.memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, length * 2));
      this.memory.copy(larger, 0, 0, this.length);
      this.memory = larger;
    }
    chunk.copy(this.memory, this.length);
    this.length = length;
  }

  bytes(): Buffer {
    return this.memory.subarray(0, this.length);
  }
}
