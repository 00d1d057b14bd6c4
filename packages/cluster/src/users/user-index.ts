import { hashOf } from '../node/text-hash.ts';
import type { GroupPresence, PresenceListener } from '../presence/group-presence.ts';
import type { GroupContext } from '../presence/presence.ts';

/** Users are spread over this many groups, so that a node asks for small parts. */
const BUCKETS = 256;

/** Answers of nodes are waited for this long after all nodes have been heard. */
const SURE_WITHIN_MS = 2000;
/** The interval of the checks for them. */
const LOOK_MS = 20;

/**
 * Maps a user to the nodes with connections of it: all nodes know that of all users, as members of groups that no name can have. So
 * a user needs no subject of their own, and what is sent to them goes to the nodes that have them.
 */
export class UserIndex {
  private readonly context: GroupContext;
  private readonly listener: PresenceListener;
  private readonly buckets: (GroupPresence | undefined)[] = [];
  /** One for all that ask while it is not known where users are. */
  private untilSure: Promise<void> | undefined = undefined;
  private stopWaiting = () => {};

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
    const { wire } = this.context;
    if (!this.isSure) return [wire.subjects.users];
    return this.holders(key).map((node) => wire.subjects.usersOf(node));
  }

  /** True while it is known where all users are. */
  get isSure(): boolean {
    return this.context.presence.isSure;
  }

  /**
   * Resolves when it is known where all users are: at once, but for a moment after the bus came up and while something
   * that was missed is asked for; 2 s after that even if it is not. Rejects with `BUS_DOWN`.
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

  /** The cluster is left: its bus is closed in this turn, so those that wait get `BUS_DOWN`. */
  close(): void {
    this.stopWaiting();
  }

  private async waitUntilSure(): Promise<void> {
    const { wire, presence } = this.context;
    const { clock } = wire.host;
    const untilMs = clock.now() + presence.sureInMs + SURE_WITHIN_MS;
    while (!this.isSure && clock.now() < untilMs) {
      await new Promise<void>((resolve) => {
        const timer = clock.schedule(resolve, Math.max(presence.sureInMs, LOOK_MS), true);
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
