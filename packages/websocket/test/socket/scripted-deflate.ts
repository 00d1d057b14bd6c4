import { Buffer } from 'node:buffer';
import type { MessageDeflate } from '../../src/socket/message-deflate.ts';

/** Compresses nothing, and when the test says so. */
export class ScriptedDeflate implements MessageDeflate {
  readonly waiting: (() => void)[] = [];
  isCleanedUp = false;

  accept(): never {
    throw new Error('not asked for');
  }

  compress(bytes: Uint8Array, _isLast: boolean, done: (error: null, bytes: Buffer) => void): void {
    this.waiting.push(() => done(null, Buffer.concat([Buffer.from('z:'), bytes])));
  }

  decompress(
    bytes: Uint8Array,
    _isLast: boolean,
    done: (error: null, bytes: Buffer) => void,
  ): void {
    this.waiting.push(() => done(null, Buffer.from(bytes)));
  }

  cleanup(): void {
    this.isCleanedUp = true;
  }
}
