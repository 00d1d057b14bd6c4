import { DecodeError, EncodeError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import { EngineText } from '../engine/engine-packet.ts';

// Types of packets (Socket.IO protocol 5).
export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;
export const BINARY_EVENT = 5;
export const BINARY_ACK = 6;

/** A packet of a client. A packet with attachments has the type without them. */
export interface SocketPacket {
  readonly type: number;
  readonly namespace: string;
  readonly id: number | undefined;
  /** Content of the JSON, with the attachments in their places. */
  data: unknown;
  /** Number of messages of a connection that the packet came in, minus one. */
  readonly attachments: number;
  /** What the packet counts: its text, 64 bytes for each value of its JSON, and its attachments. */
  size: number;
}

/** A packet that is ready to send: a text, and its attachments in order. */
export class EncodedPacket {
  readonly text: EngineText;
  readonly attachments: readonly Uint8Array[];
  readonly byteLength: number;

  constructor(text: EngineText, attachments: readonly Uint8Array[] = NONE) {
    this.text = text;
    this.attachments = attachments;
    let bytes = text.byteLength;
    for (const { length } of attachments) bytes += length;
    this.byteLength = bytes;
  }
}

const NONE: readonly Uint8Array[] = [];

/** The parts of a packet before it is encoded. */
export interface PacketParts {
  /** One of the types without attachments. */
  readonly type: number;
  readonly namespace: string;
  readonly id?: number | undefined;
  readonly data?: unknown;
}

/**
 * Encodes a packet. Bytes within its data become attachments.
 *
 * @param textOf - makes the text of the packet, for one client or for many
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` for data that JSON cannot express
 */
export function encodePacket(
  { type, namespace, id, data }: PacketParts,
  textOf: (text: string) => EngineText = EngineText.of,
): EncodedPacket {
  const place = namespace === '/' ? '' : `${namespace},`;
  const number = id === undefined ? '' : String(id);
  if (data === undefined) return new EncodedPacket(textOf(`${type}${place}${number}`));
  try {
    if (!hasBytes(data)) {
      return new EncodedPacket(textOf(`${type}${place}${number}${JSON.stringify(data)}`));
    }
    const attachments: Uint8Array[] = [];
    const json = JSON.stringify(withPlaceholders(data, attachments));
    const binary = type === EVENT ? BINARY_EVENT : BINARY_ACK;
    const head = `${binary}${attachments.length}-${place}${number}`;
    return new EncodedPacket(textOf(head + json), attachments);
  } catch (thrown) {
    const cause = toError(thrown);
    const text = `JSON cannot express this ${type === ACK ? 'answer' : 'event'} of ${namespace}: ${cause.message}`;
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', text, { namespace }, cause);
  }
}

function isBytes(value: object): value is ArrayBuffer | ArrayBufferView {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function hasBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (hasBytes(value[i])) return true;
    return false;
  }
  if (isBytes(value)) return true;
  // What `toJSON` returns takes the place of the value, as in JSON.stringify.
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
  for (const key in value) {
    if (Object.hasOwn(value, key) && hasBytes((value as Record<string, unknown>)[key])) return true;
  }
  return false;
}

function withPlaceholders(value: unknown, attachments: Uint8Array[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isBytes(value)) {
    const num = attachments.length;
    attachments.push(bytesOf(value));
    return { _placeholder: true, num };
  }
  if (Array.isArray(value)) return value.map((one) => withPlaceholders(one, attachments));
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  const copied = Object.entries(value).map(([key, one]) => [
    key,
    withPlaceholders(one, attachments),
  ]);
  return Object.fromEntries(copied);
}

function bytesOf(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** Creates the error for a packet that the protocol does not allow. */
export function invalidPacket(why: string, text: string): DecodeError {
  const shown = JSON.stringify(text.slice(0, 40));
  const message = `not a packet of Socket.IO 5: ${why}: ${shown} (${text.length} characters)`;
  return new DecodeError('MESSAGE_INVALID', message, { length: text.length });
}
