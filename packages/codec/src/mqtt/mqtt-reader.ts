import { Buffer, isUtf8 } from 'node:buffer';
import { DecodeError } from '@headrace/core';

/** The head of a string, and its place in a list that has room to grow. */
const TEXT_BYTES = 32;

/** Reads the fields of one packet's body; every fault is a `DecodeError`. */
export class MqttReader {
  private readonly bytes: Buffer;
  private readonly maxHeapBytes: number;
  private heapBytes = 0;
  private at = 0;

  /** @param maxHeapBytes - what the elements of its lists may take on the heap */
  constructor(bytes: Buffer, maxHeapBytes: number) {
    this.bytes = bytes;
    this.maxHeapBytes = maxHeapBytes;
  }

  /** Counts an element of a list: the peer decides how many there are, and each takes more than its bytes. */
  count(heapBytes: number): void {
    this.heapBytes += heapBytes;
    if (this.heapBytes <= this.maxHeapBytes) return;
    throw new DecodeError(
      'FRAME_TOO_LONG',
      `a packet of ${this.bytes.length} bytes has so many elements that they take more than ` +
        `${this.maxHeapBytes} bytes of memory, three times maxPacketBytes`,
      { bytes: this.bytes.length, maxHeapBytes: this.maxHeapBytes },
    );
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

  /** A number that names a packet: never 0. */
  packetId(): number {
    const id = this.uint16();
    if (id === 0) throw mqttCorrupt('a packet identifier is 0');
    return id;
  }

  /** A text that is an element of a list, and its place there. */
  listedText(): string {
    const text = this.text();
    this.count(TEXT_BYTES + 2 * text.length);
    return text;
  }

  /** Bytes with their length before them. */
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

/** The error for what MQTT does not allow. `returnCode`: the answer in a server's CONNACK, if one is defined. */
export function mqttCorrupt(why: string, returnCode?: number): DecodeError {
  const details = returnCode === undefined ? {} : { returnCode };
  return new DecodeError('FRAME_CORRUPT', `no MQTT packet: ${why}`, details);
}
