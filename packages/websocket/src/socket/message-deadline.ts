import { type Channel, TimedOutError } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';

/**
 * The time in which a begun message must be complete: without it a peer could keep half a message open on each of
 * many connections. It stands while this side does not read.
 */
export class MessageDeadline extends ChannelDeadline {
  private readonly messages: Channel;
  private finished = 0;

  constructor(messages: Channel, ms: number) {
    super({ ms, whileHeld: 'stands' });
    this.messages = messages;
  }

  /**
   * Something was read.
   *
   * @param isWithin - a message has begun and is not whole
   * @param finished - how many whole messages have been read
   */
  inputRead(isWithin: boolean, finished: number): void {
    if (!isWithin) this.stop();
    else if (!this.isRunning || finished !== this.finished) this.begin(this.messages);
    this.finished = finished;
  }

  protected override over(channel: Channel): void {
    const text = `a message that began ${this.ms} ms ago is not complete`;
    const error = new TimedOutError('TIMEOUT_READ', text, { messageTimeoutMs: this.ms });
    channel.pipeline.fireExceptionCaught(error);
    if (channel.isOpen) channel.end({ reason: 'timeout' });
  }
}
