import { Buffer } from 'node:buffer';
import { MessageToMessageEncoder } from '@headrace/codec';
import { EncodeError, type OutboundBytes } from '@headrace/core';
import { isOutboundBytes, toBuffer } from '@headrace/core/authoring';

/**
 * Adds the length before each message, as Nest's own TCP transporter does: in UTF-16 code units, followed by `#`.
 *
 * ```text
 *  BEFORE {"a":"ä"}  →  AFTER 9#{"a":"ä"}
 * ```
 *
 * - **Place** After (outbound) the JSON codec.
 * - **In** Bytes in UTF-8.
 * - **Out** `Buffer`.
 * - **Errors** `MESSAGE_TOO_LONG` over `maxFrameLength` bytes; it fails the write.
 * - **State** None.
 */
export class NestTcpFrameEncoder extends MessageToMessageEncoder<OutboundBytes, Buffer> {
  private readonly maxFrameLength: number;

  constructor(maxFrameLength: number) {
    super();
    this.maxFrameLength = maxFrameLength;
  }

  override encodes(message: unknown): boolean {
    return isOutboundBytes(message);
  }

  override encode(given: OutboundBytes): Buffer {
    const message = toBuffer(given);
    const { length } = message;
    if (length > this.maxFrameLength) {
      throw new EncodeError(
        'MESSAGE_TOO_LONG',
        `a message of ${length} bytes is longer than maxFrameLength (${this.maxFrameLength})`,
        { length, maxFrameLength: this.maxFrameLength },
      );
    }
    const head = Buffer.from(`${codeUnits(message)}#`, 'latin1');
    return Buffer.concat([head, message], head.length + length);
  }
}

function codeUnits(bytes: Uint8Array): number {
  let units = 0;
  for (const byte of bytes) {
    if ((byte & 0xc0) !== 0x80) units += byte >= 0xf0 ? 2 : 1;
  }
  return units;
}
