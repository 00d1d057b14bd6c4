import { Buffer } from 'node:buffer';
import type { DeflateCallback, MessageDeflate } from '../../src/socket/message-deflate.ts';

/** Compresses nothing, and when the test says so. */
export class ScriptedDeflate implements MessageDeflate {
  readonly waiting: (() => void)[] = [];

  compress(bytes: Uint8Array, done: DeflateCallback): void {
    this.waiting.push(() => done(null, Buffer.concat([Buffer.from('z:'), bytes])));
  }

  inflate(bytes: Uint8Array, done: DeflateCallback): void {
    this.waiting.push(() => done(null, Buffer.from(bytes)));
  }
}
