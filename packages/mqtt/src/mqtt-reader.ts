import { Buffer, isUtf8 } from 'node:buffer';
import { checkCount } from '@headrace/codec/authoring';
import { DecodeError } from '@headrace/core';
import { MQTT_REASONS } from './mqtt-reasons.ts';

/** The most bytes of a number with seven bits in each byte. */
const MAX_VARINT_BYTES = 4;

/** Reads the fields of one packet's body. Every fault is a `DecodeError`. */
export class MqttReader {
  /** Level of the protocol. For a CONNECT, the level is 0 until it was read. */
  level: number;
  private readonly bytes: Buffer;
  private readonly maxPacketBytes: number;
  private elements = 0;
  private at = 0;

  constructor(bytes: Buffer, maxPacketBytes: number, level: number) {
    this.bytes = bytes;
    this.maxPacketBytes = maxPacketBytes;
    this.level = level;
  }

  /** Counts elements of a list. The peer decides the number of elements, and each element uses more memory than its bytes. */
  count(elements: number): void {
    this.elements += elements;
    checkCount(this.bytes, this.elements, 2 * this.maxPacketBytes, 'twice maxPacketBytes');
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.advance(1)]!;
  }

  uint16(): number {
    const at = this.advance(2);
    return this.bytes[at]! * 256 + this.bytes[at + 1]!;
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.advance(4));
  }

  /** Reads a number with seven bits in each byte, in its shortest form (MQTT-1.5.5-1). */
  varint(): number {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 128 ** i;
      if (byte === 0 && i > 0) break;
      if (byte < 0x80) return value;
    }
    throw this.fault('a number of more bytes than it needs');
  }

  /** Reads fields until `length` bytes are read. */
  within(length: number, read: () => void): void {
    const end = this.at + length;
    while (this.at < end) read();
    if (this.at > end) throw this.fault('the properties are longer than their length');
  }

  /** Reads a packet identifier, which is never 0. */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw this.fault('a packet identifier is 0');
    return id;
  }

  /** Reads bytes with their length before them. */
  binary(): Buffer {
    const length = this.uint16();
    const at = this.advance(length);
    return this.bytes.subarray(at, at + length);
  }

  text(): string {
    const bytes = this.binary();
    if (isUtf8(bytes) && !bytes.includes(0)) return bytes.toString();
    throw new DecodeError(
      'TEXT_NOT_UTF8',
      `a text of ${bytes.length} bytes is not UTF-8, or has a zero in it ` +
        `(${bytes.subarray(0, 16).toString('hex')})`,
      { bytes: bytes.length, ...this.detailsOf(MQTT_REASONS.malformedPacket) },
    );
  }

  rest(): Buffer {
    const at = this.advance(this.bytes.length - this.at);
    return this.bytes.subarray(at);
  }

  /** Returns the error for this packet. `reasonCode` is the reason code of MQTT 5 for the answer. */
  fault(why: string, reasonCode: number = MQTT_REASONS.malformedPacket): DecodeError {
    return mqttCorrupt(why, this.detailsOf(reasonCode));
  }

  /** Only MQTT 5 has codes for all faults. */
  private detailsOf(reasonCode: number): { readonly reasonCode?: number } {
    return this.level === 5 ? { reasonCode } : {};
  }

  private advance(length: number): number {
    const { at } = this;
    if (at + length > this.bytes.length) {
      throw this.fault(`a packet of ${this.bytes.length} bytes ends within a field`);
    }
    this.at = at + length;
    return at;
  }
}

/** The code of the packet that answers a fault, if one is defined. */
export interface FaultCode {
  /** Return code of a CONNACK of MQTT 3.1.1. */
  readonly returnCode?: number;
  /** Reason code of a CONNACK or DISCONNECT of MQTT 5. */
  readonly reasonCode?: number;
}

/** Returns the error for a packet that MQTT does not allow. */
export function mqttCorrupt(why: string, code: FaultCode = {}): DecodeError {
  return new DecodeError('FRAME_CORRUPT', `no MQTT packet: ${why}`, { ...code });
}
