import { Buffer } from 'node:buffer';
import { checkWellFormed } from '@headrace/codec';
import { DecodeError, type OutboundBytes } from '@headrace/core';
import { COPY_BYTES, toBuffer } from '@headrace/core/authoring';
import type { WebSocketPing } from './control-message.ts';

/** A text message as UTF-8. A broadcast encodes its text once for all members. A short text is encoded into its frame. */
export class TextMessage {
  private readonly textBytes: number;
  private encoded: Buffer | undefined;
  /** Not used if the text was given as bytes. */
  private readonly text: string;

  /** @param text - well-formed text, or its UTF-8 */
  constructor(text: string | Buffer) {
    this.text = text as string;
    this.encoded = typeof text === 'string' ? undefined : text;
    this.textBytes = Buffer.byteLength(text);
    if (text.length > COPY_BYTES) this.encoded ??= Buffer.from(text);
  }

  /** Length of the text in bytes. It changes if the memory of given bytes is detached. */
  get byteLength(): number {
    return this.encoded?.length ?? this.textBytes;
  }

  /**
   * Encodes a text.
   *
   * @throws EncodeError `MESSAGE_NOT_ENCODABLE` for half of a surrogate pair
   */
  static of(text: string): TextMessage {
    checkWellFormed(text);
    return new TextMessage(text);
  }

  /** Text as UTF-8. */
  get bytes(): Buffer {
    this.encoded ??= Buffer.from(this.text);
    return this.encoded;
  }

  /** Returns the text. */
  toString(): string {
    return String(this.encoded ?? this.text);
  }

  /** @internal Writes the UTF-8 into a frame. */
  writeInto(target: Uint8Array, offset: number): void {
    if (this.encoded === undefined) toBuffer(target).write(this.text, offset);
    else target.set(this.encoded, offset);
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
