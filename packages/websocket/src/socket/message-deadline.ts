import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { type Channel, TimedOutError, type Timer } from '@headrace/core';

const LONGEST_HEADER = 14;

/**
 * The time in which a begun message must be complete: without it a peer could keep half a message open on each of
 * many connections. It reads the headers of the frames beside the `ws` library, which
 * does not report them, and takes one timer, not one for each message.
 *
 * @see RFC 6455, section 5.2
 */
export class MessageDeadline {
  private readonly channel: Channel;
  private readonly timeoutMs: number;
  private readonly header = Buffer.alloc(LONGEST_HEADER);
  private headerLength = 0;
  /** Bytes of the current frame's payload that are still to come. */
  private payloadLeft = 0;
  private isData = false;
  private isLast = false;
  /** Between the first and the last frame of a message. */
  private isInMessage = false;
  private finished = 0;
  private begunAt = -1;
  private timer: Timer | undefined = undefined;

  constructor(channel: Channel, timeoutMs: number) {
    this.channel = channel;
    this.timeoutMs = timeoutMs;
  }

  /** Gets all bytes that the library reads from the stream. */
  watch(stream: Duplex): void {
    stream.on('data', (bytes: Buffer) => this.arrived(bytes));
  }

  cancel(): void {
    this.begunAt = -1;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arrived(bytes: Buffer): void {
    if (!this.channel.isOpen) return;
    const { finished } = this;
    this.scan(bytes);
    const isWithin = this.isInMessage || this.headerLength > 0 || this.payloadLeft > 0;
    if (!isWithin) this.begunAt = -1;
    else {
      const { clock } = this.channel;
      if (this.begunAt < 0 || finished !== this.finished) this.begunAt = clock.now();
      this.timer ??= clock.schedule(() => this.check(), this.timeoutMs);
    }
  }

  private scan(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.payloadLeft > 0) {
        const count = Math.min(this.payloadLeft, bytes.length - at);
        this.payloadLeft -= count;
        at += count;
        if (this.payloadLeft === 0) this.frameEnded();
      } else {
        this.header[this.headerLength++] = bytes[at++]!;
        if (this.headerLength >= this.wantedHeader()) this.headerEnded();
      }
    }
  }

  private wantedHeader(): number {
    if (this.headerLength < 2) return 2;
    const second = this.header[1]!;
    const length = second & 0x7f;
    const extended = length === 126 ? 2 : length === 127 ? 8 : 0;
    return 2 + extended + (second >= 0x80 ? 4 : 0);
  }

  private headerEnded(): void {
    const { header } = this;
    const first = header[0]!;
    const length = header[1]! & 0x7f;
    this.headerLength = 0;
    this.isLast = first >= 0x80;
    this.isData = (first & 0x08) === 0;
    if (length === 126) this.payloadLeft = header.readUInt16BE(2);
    else if (length === 127) this.payloadLeft = Number(header.readBigUInt64BE(2));
    else this.payloadLeft = length;
    if (this.payloadLeft === 0) this.frameEnded();
  }

  private frameEnded(): void {
    if (!this.isData) return;
    this.isInMessage = !this.isLast;
    if (this.isLast) this.finished += 1;
  }

  private check(): void {
    this.timer = undefined;
    const { channel, timeoutMs } = this;
    if (this.begunAt < 0 || !channel.isOpen) return;
    const now = channel.clock.now();
    // While we do not read, the peer cannot be blamed.
    if (channel.isReadHeld || !channel.autoRead) this.begunAt = now;
    const left = this.begunAt + timeoutMs - now;
    if (left > 0) {
      this.timer = channel.clock.schedule(() => this.check(), left);
      return;
    }
    const text = `a message that began ${timeoutMs} ms ago is not whole`;
    const error = new TimedOutError('TIMEOUT_READ', text, { messageTimeoutMs: timeoutMs });
    channel.pipeline.fireExceptionCaught(error);
    if (channel.isOpen) channel.end({ reason: 'timeout' });
  }
}
