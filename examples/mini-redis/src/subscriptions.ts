import { type Channel, ChannelGroup } from '@headrace/core';
import { RespPush } from '@headrace/resp';
import type { Memory } from './memory.ts';

/** The cost of a name with listeners beside its own bytes, and of each listener. */
const NAME_BYTES = 2048;
const LISTENER_BYTES = 256;

/** The subscribers: a group of connections for each name. */
export class Subscriptions {
  private readonly groups = new Map<string, ChannelGroup>();
  private readonly memory: Memory;

  constructor(memory: Memory) {
    this.memory = memory;
  }

  /** Does nothing for a channel that has closed. */
  add(name: string, channel: Channel): void {
    if (!channel.isOpen) return;
    let group = this.groups.get(name);
    if (group === undefined) {
      group = new ChannelGroup(name);
      // Members that close leave by themselves, and the last one takes the group along.
      group.on('channelLeft', () => this.left(name));
      this.groups.set(name, group);
      this.memory.add(NAME_BYTES + name.length);
    }
    if (group.add(channel)) this.memory.add(LISTENER_BYTES);
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

  private left(name: string): void {
    this.memory.add(-LISTENER_BYTES);
    if (this.groups.get(name)?.isEmpty !== true) return;
    this.groups.delete(name);
    this.memory.add(-NAME_BYTES - name.length);
  }
}
