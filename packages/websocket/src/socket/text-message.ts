import { Buffer } from 'node:buffer';
import { checkWellFormed } from '@headrace/codec';
import { DecodeError, type OutboundBytes } from '@headrace/core';
import type { WebSocketPing } from './control-message.ts';

/** A text message as UTF-8. A broadcast encodes its text once for all members. */
export class TextMessage {
  /** Text as UTF-8. */
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /**
   * Encodes a text.
   *
   * @throws EncodeError `MESSAGE_NOT_ENCODABLE` for half of a surrogate pair
   */
  static of(text: string): TextMessage {
    checkWellFormed(text);
    return new TextMessage(Buffer.from(text));
  }

  /** Length of the text in bytes. */
  get byteLength(): number {
    return this.bytes.length;
  }
}

/** A message that a WebSocket delivers: a string for a text message, a Buffer for a binary one. */
export type WebSocketInput = string | Buffer;
/** A message that a WebSocket accepts: text, bytes as a binary message, or a ping. */
export type WebSocketOutput = string | TextMessage | OutboundBytes | WebSocketPing;

/** Creates the error for a binary message where only text is allowed. */
export function notText({ length }: Buffer): DecodeError {
  const text = `a binary message of ${length} bytes, but only text is allowed here`;
  return new DecodeError('MESSAGE_INVALID', text, { bytes: length });
}
