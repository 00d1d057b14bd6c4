import { hashOf } from '../node/text-hash.ts';
import type { GroupPresence, PresenceListener } from '../presence/group-presence.ts';
import type { GroupContext } from '../presence/presence.ts';

/** What a node missed is asked for in parts of so many. */
const BUCKETS = 256;

/**
 * Which nodes have connections of a user: all nodes know that of all users, as members of groups that no name can have. So
 * a user needs no subject of their own, and what is sent to them goes to the nodes that have them.
 */
export class UserIndex {
  private readonly context: GroupContext;
  private readonly listener: PresenceListener;
  private readonly buckets: (GroupPresence | undefined)[] = [];

  /** @param listener - notified of users who have connections on other nodes, where some were on this one too */
  constructor(context: GroupContext, listener: PresenceListener) {
    this.context = context;
    this.listener = listener;
  }

  /** The first connection of a user has come. */
  add(key: string): void {
    this.bucketOf(key).add(key);
    this.context.presence.flushSoon();
  }

  /** The last one is gone. */
  remove(key: string): void {
    this.bucketOf(key).remove(key);
    this.context.presence.flushSoon();
  }

  /** The other nodes that have connections of a user. */
  holders(key: string): string[] {
    return this.bucketOf(key).holders(key);
  }

  /** Where to send what is for a user: to the nodes that have them, or to all as long as these are not known. */
  subjects(key: string): string[] {
    const { wire, presence } = this.context;
    if (!presence.isSure) return [wire.subjects.users];
    return this.holders(key).map((node) => wire.subjects.usersOf(node));
  }

  /** Resolves when all nodes have been heard; at once, but for a moment after the bus came up. Rejects with `BUS_DOWN`. */
  async ready(): Promise<void> {
    const { wire, presence } = this.context;
    if (wire.bus.state === 'down') await wire.bus.settled();
    const { sureInMs } = presence;
    if (sureInMs === 0) return;
    await new Promise<void>((resolve) => void wire.host.clock.schedule(resolve, sureInMs, true));
  }

  private bucketOf(key: string): GroupPresence {
    const bucket = hashOf(key) % BUCKETS;
    let presence = this.buckets[bucket];
    if (presence === undefined) {
      presence = this.context.presence.part(`u${bucket}`, this.listener);
      this.buckets[bucket] = presence;
    }
    return presence;
  }
}
