import { type Channel, TimedOutError, type Timer } from '@headrace/core';

/**
 * The time in which a begun message must be complete: without it a peer could keep half a message open on each of
 * many connections. It takes one timer, not one for each message.
 */
export class MessageDeadline {
  private readonly channel: Channel;
  private readonly timeoutMs: number;
  private finished = 0;
  private begunAt = -1;
  private timer: Timer | undefined = undefined;

  constructor(channel: Channel, timeoutMs: number) {
    this.channel = channel;
    this.timeoutMs = timeoutMs;
  }

  /**
   * Something was read.
   *
   * @param isWithin - a message has begun and is not whole
   * @param finished - how many whole messages have been read
   */
  inputRead(isWithin: boolean, finished: number): void {
    if (!isWithin) this.begunAt = -1;
    else {
      const { clock } = this.channel;
      if (this.begunAt < 0 || finished !== this.finished) this.begunAt = clock.now();
      this.timer ??= clock.schedule(() => this.check(), this.timeoutMs);
    }
    this.finished = finished;
  }

  cancel(): void {
    this.begunAt = -1;
    this.timer?.cancel();
    this.timer = undefined;
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
