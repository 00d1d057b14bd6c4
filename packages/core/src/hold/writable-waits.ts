import type { Channel } from '../contract.ts';

/**
 * The channels whose output an owner waits for. Each of them has one listener, because an owner can be asked again and again for a
 * channel that reads nothing.
 */
export class WritableWaits {
  private readonly channels = new Set<Channel>();

  /** Whether a listener of the channel waits. */
  has(channel: Channel): boolean {
    return this.channels.has(channel);
  }

  /** Calls `listener` as `channel.onceWritable` does, unless a listener of the channel waits. */
  once(channel: Channel, listener: () => void): void {
    const { channels } = this;
    if (channels.has(channel)) return;
    channels.add(channel);
    channel.onceWritable(() => {
      channels.delete(channel);
      listener();
    });
  }
}
