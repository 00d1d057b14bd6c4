import type { Channel } from '@headrace/core';
import { transportOf } from '@headrace/core/authoring';

/**
 * Ends the channel after a message of the peer got no answer, because the answer could not be made or encoded. The peer would wait
 * for the answer, or take the next answer for it. A channel of datagrams stays open, because other peers can share it, and a
 * datagram can always be lost.
 *
 * @param cure - what the program can do, for a warning in the log. @default no warning
 */
export function endUnanswered(channel: Channel, cure?: string): void {
  const isShared = transportOf(channel)?.connectionless !== undefined;
  if (cure !== undefined) {
    const then = isShared ? 'its peer can wait for it' : 'the channel ends';
    channel.logger.log('warn', `${channel} a message got no answer, so ${then}: ${cure}`);
  }
  if (!isShared) channel.end({ reason: 'error' });
}
