import type { Channel } from '@headrace/core';
import { inject, injectable } from '@headrace/inject';
import { idOf } from 'headrace-example-broadcast-chat';
import { Room } from './room.ts';
import { WAY, type Way } from './way.ts';

/** By id. */
export type Ways = Readonly<Record<string, Way>>;
export type WayListener = (ways: Ways) => void;

/** Members that join within this time are reported together. */
const TOGETHER_MS = 100;
/** More names than a page shows. */
const MAX_AT_ONCE = 2000;

/**
 * How each member of this process came in, for the badges in the page's list: the protocol itself names them only.
 *
 * No Announcer: the listeners are a few pages and not the members of a group, one record is merged for all of them, and
 * a badge has no order with messages that a batch would have to keep.
 */
@injectable()
export class WayFeed {
  private readonly room: Room;
  private readonly listeners = new Set<WayListener>();
  private joined: Record<string, Way> | undefined = undefined;

  constructor(@inject(Room) room: Room) {
    this.room = room;
    room.local.on('channelJoined', (channel) => this.add(channel));
  }

  /** Calls back with all present members, then with those that join. Returns a function that ends it. */
  subscribe(listener: WayListener): () => void {
    this.listeners.add(listener);
    const ways = emptyWays();
    let left = MAX_AT_ONCE;
    for (const channel of this.room.local) {
      if (left-- === 0) break;
      note(ways, channel);
    }
    listener(ways);
    return () => this.listeners.delete(listener);
  }

  private add(channel: Channel): void {
    if (this.listeners.size === 0) return;
    if (this.joined === undefined) {
      this.joined = emptyWays();
      channel.clock.schedule(() => this.announce(), TOGETHER_MS);
    }
    note(this.joined, channel);
  }

  private announce(): void {
    const { joined = {} } = this;
    this.joined = undefined;
    for (const listener of this.listeners) listener(joined);
  }
}

/** Ids are the peers' own: `__proto__` is as good as any. */
function emptyWays(): Record<string, Way> {
  return Object.create(null) as Record<string, Way>;
}

function note(ways: Record<string, Way>, channel: Channel): void {
  const way = channel.attributes.get(WAY);
  if (way !== undefined) ways[idOf(channel)] = way;
}
