import { type Channel, TimedOutError } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';

/**
 * The deadline of a begun message. Without this deadline, a peer could keep an incomplete message open on each of many
 * connections. The deadline is paused while this end does not read.
 */
export class MessageDeadline extends ChannelDeadline {
  private readonly messages: Channel;
  private finished = 0;

  constructor(messages: Channel, ms: number) {
    super({ ms, whileHeld: 'pauses' });
    this.messages = messages;
  }

  /**
   * Called when bytes were read.
   *
   * @param isWithin - whether a message has begun and is not complete
   * @param finished - number of complete messages that have been read
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
