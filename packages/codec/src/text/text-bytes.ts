import { Buffer } from 'node:buffer';
import type { ByteSource, OutboundBytes } from '@headrace/core';
import { byteLengthOf, COPY_BYTES, toBuffer } from '@headrace/core/authoring';
import { checkWellFormed } from '../base/utf8.ts';

/**
 * Returns a text as UTF-8. A short one is encoded when it is sent, into the memory in which the transport gathers its output: a
 * Buffer for each message would be garbage after one copy.
 */
export function textBytes(text: string): OutboundBytes {
  return text.length > COPY_BYTES ? Buffer.from(text) : new TextBytes(text);
}

/** As {@link textBytes}. Throws an `EncodeError` for a text that contains half of a surrogate pair. */
export function wellFormedBytes(text: string): OutboundBytes {
  const bytes = textBytes(text);
  // Only ASCII has as many bytes as code units. The length is needed in any case, and a second look at each text is not.
  if (byteLengthOf(bytes) !== text.length) checkWellFormed(text);
  return bytes;
}

class TextBytes implements ByteSource {
  readonly byteLength: number;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
    this.byteLength = Buffer.byteLength(text);
  }

  writeTo(target: Uint8Array, offset: number): void {
    toBuffer(target).write(this.text, offset);
  }
}
