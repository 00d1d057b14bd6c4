import { Buffer } from 'node:buffer';
import { DecodeError, type OutboundBytes } from '@headrace/core';
import type { WebSocketPing } from './control-message.ts';

/** A text message that is UTF-8 already: a broadcast encodes it once for all its receivers. */
export class TextMessage {
  /** The text as UTF-8. */
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** Encodes a text. */
  static of(text: string): TextMessage {
    return new TextMessage(Buffer.from(text));
  }

  /** The length of the text in bytes. */
  get byteLength(): number {
    return this.bytes.length;
  }
}

/** A message that a WebSocket delivers: a string for a text message, a Buffer for a binary one. */
export type WebSocketInput = string | Buffer;
/** A message that a WebSocket accepts: text, bytes as a binary message, or a ping. */
export type WebSocketOutput = string | TextMessage | OutboundBytes | WebSocketPing;

/** The error for a binary message where only text is allowed. */
export function notText({ length }: Buffer): DecodeError {
  const text = `a binary message of ${length} bytes, but only text is allowed here`;
  return new DecodeError('MESSAGE_INVALID', text, { bytes: length });
}
