import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { isJsonObject } from '@headrace/core/authoring';
import { countPacket } from './json-count.ts';
import {
  ACK,
  BINARY_ACK,
  BINARY_EVENT,
  CONNECT,
  CONNECT_ERROR,
  DISCONNECT,
  EVENT,
  invalidPacket,
  type SocketPacket,
} from './socket-packet.ts';

/** The member that marks the place of an attachment. */
const PLACEHOLDER = '_placeholder';
/** Events that the libraries of clients and servers emit themselves. A packet must not have their names. */
const RESERVED = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
]);

/** type, attachments, namespace, id, JSON */
const HEAD = /^([0-6])(?:([1-9]\d{0,8})-)?(?:(\/[^,]*)(?:,|$))?(\d{0,15})/;

/** Reads the packets of one connection. A packet with attachments is complete with the last of them, and nothing may be between. */
export class PacketReader {
  private readonly maxAttachments: number;
  private readonly maxPacketBytes: number;
  /** The packet whose attachments are arriving. */
  private begun: SocketPacket | undefined = undefined;
  private bytes: Buffer[] = [];

  /** @param maxPacketBytes - maximum count of a packet without its attachments */
  constructor(maxAttachments: number, maxPacketBytes: number = Number.POSITIVE_INFINITY) {
    this.maxAttachments = maxAttachments;
    this.maxPacketBytes = maxPacketBytes;
  }

  /** Whether attachments are missing. */
  get isWithin(): boolean {
    return this.begun !== undefined;
  }

  /**
   * Reads a message of the connection. Returns `undefined` while attachments are missing.
   *
   * @throws DecodeError `MESSAGE_INVALID` for what the protocol does not allow
   */
  read(message: string | Buffer): SocketPacket | undefined {
    if (typeof message !== 'string') return this.readAttachment(message);
    if (this.begun !== undefined) throw invalidPacket('an attachment is missing', message);
    const packet = this.parse(message);
    if (packet.attachments === 0) return packet;
    this.begun = packet;
    return undefined;
  }

  private readAttachment(bytes: Buffer): SocketPacket | undefined {
    const { begun } = this;
    if (begun === undefined) {
      const text = `not a packet of Socket.IO 5: an attachment of ${bytes.length} bytes that no packet announced`;
      throw new DecodeError('MESSAGE_INVALID', text, { bytes: bytes.length });
    }
    this.bytes.push(bytes);
    begun.size += bytes.length;
    if (this.bytes.length < begun.attachments) return undefined;
    const attachments = this.bytes;
    this.begun = undefined;
    this.bytes = [];
    begun.data = withAttachments(begun.data, attachments);
    return begun;
  }

  private parse(text: string): SocketPacket {
    const [head, digit, count, namespace = '/', number] = HEAD.exec(text) ?? [];
    if (head === undefined) throw invalidPacket('unknown type', text);
    const type = Number(digit);
    const isBinary = type === BINARY_EVENT || type === BINARY_ACK;
    const attachments = Number(count ?? 0);
    if (isBinary !== attachments > 0) throw invalidPacket('wrong number of attachments', text);
    if (attachments > this.maxAttachments) {
      const why = `more than ${this.maxAttachments} attachments (maxAttachments)`;
      throw invalidPacket(why, text);
    }
    const size = countPacket(text);
    if (size > this.maxPacketBytes) throw tooLarge(size, text, this.maxPacketBytes);
    const data = dataOf(text.slice(head.length), text);
    if (!isData(type, data)) throw invalidPacket('wrong content', text);
    const id = number === '' ? undefined : Number(number);
    return {
      type: isBinary ? type - (BINARY_EVENT - EVENT) : type,
      namespace,
      id,
      data,
      attachments,
      size,
    };
  }
}

function tooLarge(count: number, { length }: string, maxPacketBytes: number): DecodeError {
  const text = `a packet of ${length} characters counts ${count} bytes (64 for each value), more than maxPacketBytes, ${maxPacketBytes}`;
  return new DecodeError('FRAME_TOO_LONG', text, { length, count, maxPacketBytes });
}

function dataOf(json: string, text: string): unknown {
  if (json === '') return undefined;
  try {
    return JSON.parse(json);
  } catch {
    throw invalidPacket('no JSON', text);
  }
}

function isData(type: number, data: unknown): boolean {
  switch (type) {
    case CONNECT:
      return data === undefined || isJsonObject(data);
    case DISCONNECT:
      return data === undefined;
    case CONNECT_ERROR:
      return false;
    case EVENT:
    case BINARY_EVENT:
      return Array.isArray(data) && isEventName(data[0]);
    case ACK:
    case BINARY_ACK:
      return Array.isArray(data);
    default:
      return false;
  }
}

function isEventName(name: unknown): boolean {
  return typeof name === 'number' || (typeof name === 'string' && !RESERVED.has(name));
}

/** A step into a value whose parts are visited. */
interface Place {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
}

/** Puts attachments into the places that the JSON left for them. The depth of the JSON does not matter. */
function withAttachments(data: unknown, attachments: readonly Buffer[]): unknown {
  const root: Record<string, unknown> = { data };
  const places: Place[] = [{ holder: root, key: 'data' }];
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { holder, key } = place;
    const value = holder[key];
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) continue;
    const { [PLACEHOLDER]: isPlace, num } = value as Record<string, unknown>;
    if (isPlace === true) {
      const bytes = Number.isInteger(num) ? attachments[num as number] : undefined;
      if (bytes === undefined) {
        const text = `not a packet of Socket.IO 5: place ${String(num)} of ${attachments.length} attachments`;
        throw new DecodeError('MESSAGE_INVALID', text, { attachments: attachments.length });
      }
      holder[key] = bytes;
    } else {
      const parts = value as Record<string | number, unknown>;
      for (const name of Object.keys(parts)) places.push({ holder: parts, key: name });
    }
  }
  return root['data'];
}
