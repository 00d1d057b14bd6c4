import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { type Channel, TimedOutError, type Timer } from '@headrace/core';

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
