import { RespPush } from '@headrace/codec';
import { type Channel, ChannelGroup } from '@headrace/core';

/** Who listens to what: a group of connections for each name. */
export class Subscriptions {
  private readonly groups = new Map<string, ChannelGroup>();

  add(name: string, channel: Channel): void {
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new ChannelGroup(name);
      // Members that close leave by themselves, and the last one takes the group along.
      group.on('channelLeft', () => this.dropIfEmpty(name));
      this.groups.set(name, group);
    }
    group.add(channel);
  }

  remove(name: string, channel: Channel): void {
    this.groups.get(name)?.remove(channel);
  }

  /** Sends a message to all who listen, encoded once. Returns how many they are. */
  publish(name: Buffer, message: Buffer): number {
    const group = this.groups.get(name.toString('latin1'));
    if (group === undefined) return 0;
    group.writeAndFlush(new RespPush([Buffer.from('message'), name, message]));
    return group.size;
  }

  private dropIfEmpty(name: string): void {
    if (this.groups.get(name)?.isEmpty === true) this.groups.delete(name);
  }
}
