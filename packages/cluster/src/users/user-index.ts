import { hashOf } from '@headrace/core/authoring';
import type { GroupPresence, PresenceListener } from '../presence/group-presence.ts';
import type { GroupContext } from '../presence/presence.ts';

/** Number of groups over which the users are spread, so that a node can ask for a small part. */
const BUCKETS = 256;

/** Maximum time to wait for answers of nodes after all nodes have sent a heartbeat. */
const SURE_WITHIN_MS = 2000;
/** Interval at which the wait checks for these answers. */
const POLL_INTERVAL_MS = 20;

/**
 * Maps a user to the nodes with connections of the user. Every node knows the nodes of all users, as members of groups with
 * reserved names. A user needs no subject: messages to a user go to the nodes of the user.
 */
export class UserIndex {
  private readonly context: GroupContext;
  private readonly listener: PresenceListener;
  private readonly buckets: (GroupPresence | undefined)[] = [];
  /** One promise for all callers that wait until the locations of users are known. */
  private untilSure: Promise<void> | undefined = undefined;
  private stopWaiting = () => {};

  /** @param listener - a listener for users of this node that have connections on other nodes */
  constructor(context: GroupContext, listener: PresenceListener) {
    this.context = context;
    this.listener = listener;
  }

  /** Called when the first connection of a user was added. */
  add(key: string): void {
    this.bucketOf(key).add(key);
    this.context.presence.flushSoon();
  }

  /** Called when the last connection of a user was removed. */
  remove(key: string): void {
    this.bucketOf(key).remove(key);
    this.context.presence.flushSoon();
  }

  /** Returns the other nodes that have connections of a user. */
  holders(key: string): string[] {
    return this.bucketOf(key).holders(key);
  }

  /**
   * Returns the subjects for messages to a user: those of the user's nodes, or the subject of all nodes while the user's nodes
   * are not known.
   */
  subjects(key: string): string[] {
    const { wire } = this.context;
    if (!this.isSure) return [wire.subjects.users];
    return this.holders(key).map((node) => wire.subjects.usersOf(node));
  }

  /** Whether the locations of all users are known. */
  get isSure(): boolean {
    return this.context.presence.isSure;
  }

  /**
   * Resolves at once if the locations of all users are known. Shortly after the bus came up, or while missed messages are
   * requested, it resolves when the locations are known, or 2 s after all nodes have reported. Rejects with `BUS_DOWN`.
   */
  async ready(): Promise<void> {
    const { bus } = this.context.wire;
    if (bus.state === 'down') await bus.settled();
    if (this.isSure) return;
    this.untilSure ??= this.waitUntilSure().finally(() => {
      this.untilSure = undefined;
    });
    await this.untilSure;
  }

  /** Ends the wait when the node leaves the cluster. The bus is closed in the same turn, so callers receive `BUS_DOWN`. */
  close(): void {
    this.stopWaiting();
  }

  private async waitUntilSure(): Promise<void> {
    const { wire, presence } = this.context;
    const { clock } = wire.host;
    const untilMs = clock.now() + presence.sureInMs + SURE_WITHIN_MS;
    while (!this.isSure && clock.now() < untilMs) {
      await new Promise<void>((resolve) => {
        const timer = clock.schedule(resolve, Math.max(presence.sureInMs, POLL_INTERVAL_MS), true);
        this.stopWaiting = () => {
          timer.cancel();
          resolve();
        };
      });
      if (wire.bus.state === 'down') await wire.bus.settled();
    }
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
