import { Buffer, isUtf8 } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { checkCount } from '../schema/message-limit.ts';

/** Reads the fields of one packet's body. Every fault is a `DecodeError`. */
export class MqttReader {
  private readonly bytes: Buffer;
  private readonly maxPacketBytes: number;
  private elements = 0;
  private at = 0;

  constructor(bytes: Buffer, maxPacketBytes: number) {
    this.bytes = bytes;
    this.maxPacketBytes = maxPacketBytes;
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

  /** Reads a packet identifier, which is never 0. */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw mqttCorrupt('a packet identifier is 0');
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
      { bytes: bytes.length },
    );
  }

  rest(): Buffer {
    const at = this.advance(this.bytes.length - this.at);
    return this.bytes.subarray(at);
  }

  private advance(length: number): number {
    const { at } = this;
    if (at + length > this.bytes.length) {
      throw mqttCorrupt(`a packet of ${this.bytes.length} bytes ends within a field`);
    }
    this.at = at + length;
    return at;
  }
}

/**
 * Returns the error for a packet that MQTT does not allow. `returnCode` is the code for a server's CONNACK, if one is defined.
 */
export function mqttCorrupt(why: string, returnCode?: number): DecodeError {
  const details = returnCode === undefined ? {} : { returnCode };
  return new DecodeError('FRAME_CORRUPT', `no MQTT packet: ${why}`, details);
}
