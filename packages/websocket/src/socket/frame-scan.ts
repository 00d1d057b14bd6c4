import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { MessageTransportListener } from './message-transport.ts';

/**
 * Reads the headers of the frames beside the `ws` library, which does not report when a message begins.
 *
 * @see RFC 6455, section 5.2
 */
export class FrameScan {
  private readonly listener: MessageTransportListener;
  // The current frame's header, as far as it has come.
  private headerLength = 0;
  private first = 0;
  private second = 0;
  private payloadLength = 0;
  /** Bytes of the current frame's payload that are still to come. */
  private payloadLeft = 0;
  private isData = false;
  private isLast = false;
  /** Between the first and the last frame of a message. */
  private isInMessage = false;
  private finished = 0;

  /** @param stream - all its bytes are what the library reads */
  constructor(stream: Duplex, listener: MessageTransportListener) {
    this.listener = listener;
    stream.on('data', (bytes: Buffer) => this.arrived(bytes));
  }

  private arrived(bytes: Buffer): void {
    this.scan(bytes);
    const isWithin = this.isInMessage || this.headerLength > 0 || this.payloadLeft > 0;
    this.listener.inputRead(isWithin, this.finished);
  }

  private scan(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.payloadLeft > 0) {
        const count = Math.min(this.payloadLeft, bytes.length - at);
        this.payloadLeft -= count;
        at += count;
        if (this.payloadLeft === 0) this.frameEnded();
      } else {
        this.headerArrived(bytes[at++]!);
      }
    }
  }

  private headerArrived(byte: number): void {
    const at = this.headerLength++;
    if (at === 0) {
      this.first = byte;
      return;
    }
    if (at === 1) {
      this.second = byte;
      const length = byte & 0x7f;
      this.payloadLength = length < 126 ? length : 0;
    }
    const { second } = this;
    const length = second & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    if (at > 1 && at < 2 + extended) this.payloadLength = this.payloadLength * 256 + byte;
    if (this.headerLength === 2 + extended + (second >= 0x80 ? 4 : 0)) this.headerEnded();
  }

  private headerEnded(): void {
    const { first } = this;
    this.headerLength = 0;
    this.isLast = first >= 0x80;
    this.isData = (first & 0x08) === 0;
    this.payloadLeft = this.payloadLength;
    if (this.payloadLeft === 0) this.frameEnded();
  }

  private frameEnded(): void {
    if (!this.isData) return;
    this.isInMessage = !this.isLast;
    if (this.isLast) this.finished += 1;
  }
}
