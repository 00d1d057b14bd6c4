import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { TextMessage } from '@headrace/websocket';

// Types of packets (Engine.IO protocol 4): the first character of a text.
export const OPEN = '0';
export const CLOSE = '1';
export const PING = '2';
export const PONG = '3';
export const MESSAGE = '4';
export const UPGRADE = '5';
export const NOOP = '6';
/** First character of a binary message in the payload of a request. */
const BINARY = 'b';
/** Separates the packets of a payload. */
const SEPARATOR = '\x1e';

/** A packet as a WebSocket sends it: text with the type in front, or the bytes of a message. */
export type EnginePacket = string | TextMessage | Uint8Array;

/** A text message with its type in front. In a broadcast, all sessions send the same object. */
export class EngineText {
  readonly packet: string | TextMessage;
  readonly byteLength: number;

  constructor(packet: string | TextMessage) {
    this.packet = packet;
    this.byteLength = typeof packet === 'string' ? Buffer.byteLength(packet) : packet.byteLength;
  }

  static of(text: string): EngineText {
    return new EngineText(MESSAGE + text);
  }

  /** Encodes a text for many sessions. */
  static forMany(text: string): EngineText {
    return new EngineText(TextMessage.of(MESSAGE + text));
  }
}

export function packetLength(packet: EnginePacket): number {
  return typeof packet === 'string' ? Buffer.byteLength(packet) : packet.byteLength;
}

/** Joins packets to the payload of an answer. */
export function payloadOf(packets: readonly EnginePacket[]): string {
  let payload = '';
  for (let i = 0; i < packets.length; i++) {
    if (i > 0) payload += SEPARATOR;
    const packet = packets[i]!;
    payload += packet instanceof Uint8Array ? BINARY + base64Of(packet) : String(packet);
  }
  return payload;
}

function base64Of({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('base64');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The packets of a request's body, read one at a time: many small packets need far more memory than their text. */
export class PayloadReader {
  private readonly text: string;
  private from = 0;

  /** @throws DecodeError `MESSAGE_INVALID` for a body that is not UTF-8 */
  constructor(body: Buffer) {
    try {
      this.text = utf8.decode(body);
    } catch (cause) {
      const why = `the body of a request of ${body.length} bytes is not UTF-8`;
      throw new DecodeError('MESSAGE_INVALID', why, { bytes: body.length }, cause);
    }
  }

  /** Whether all packets were read. */
  get isAtEnd(): boolean {
    return this.from < 0;
  }

  /**
   * Returns the next packet, a binary message as bytes.
   *
   * @throws DecodeError `MESSAGE_INVALID` for a binary message that is not base64
   */
  next(): string | Buffer {
    const { text, from } = this;
    const end = text.indexOf(SEPARATOR, from);
    const packet = end < 0 ? text.slice(from) : text.slice(from, end);
    this.from = end < 0 ? -1 : end + 1;
    return packet.startsWith(BINARY) ? bytesOf(packet) : packet;
  }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function bytesOf(packet: string): Buffer {
  const base64 = packet.slice(1);
  if (BASE64.test(base64)) return Buffer.from(base64, 'base64');
  throw invalidPacket(packet);
}

/** Creates the error for a packet that the protocol does not allow. */
export function invalidPacket(packet: string): DecodeError {
  const shown = JSON.stringify(packet.slice(0, 40));
  const text = `not a packet of Engine.IO 4: ${shown} (${packet.length} characters)`;
  return new DecodeError('MESSAGE_INVALID', text, { length: packet.length });
}
