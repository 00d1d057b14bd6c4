// A state group on several nodes in this process, changed and read on each of them while their server fails.
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type StateGroup, type StateMessage, stateGroup } from '@headrace/durable';
import type { LogPosition } from '@headrace/store';
import { sent } from '../nodes.ts';

const CHANGE_EACH_MS = 10;
/** Number of keys that only one node changes. */
const OWN_KEYS = 5;
/** Number of changes after which the member of a node goes and comes back. */
const STAYS = 40;
const SHARED = 'shared';

type Values = Record<string, number>;

/** What came of the changes. */
export interface States {
  /** What the store has at the end. */
  readonly stored: Values;
  /** What each member has at the end. */
  readonly members: readonly Values[];
  /** The last values of the keys that only one node changes. */
  readonly written: Values;
  /** The number of acknowledged additions to the key that all nodes change, and of those whose fate is not known. */
  readonly added: number;
  readonly unknown: number;
  /** Messages to members whose versions did not grow. */
  readonly disordered: number;
  /** The number of epochs that the members saw. */
  readonly epochs: number;
}

/** A client, which comes back to its node with its position. */
class Follower {
  readonly values = new Map<string, number>();
  readonly epochs = new Set<string>();
  disordered = 0;
  private position: LogPosition | undefined = undefined;
  private channel = new EmbeddedChannel();

  async join(group: StateGroup<number>): Promise<void> {
    this.read();
    group.remove(this.channel);
    this.channel = new EmbeddedChannel();
    while (!(await succeeds(group.join(this.channel, this.position)))) await delay(100);
  }

  read(): Values {
    for (const message of sent(this.channel)) this.take(message as StateMessage<number>);
    return sorted(this.values);
  }

  private take(message: StateMessage<number>): void {
    if (message.type === 'begin') {
      const { epoch, recovered } = message;
      this.epochs.add(epoch);
      if (recovered) return;
      this.values.clear();
      this.position = { epoch, offset: 0 };
      return;
    }
    const { epoch, offset } = this.position!;
    const { version } = message;
    if (version < offset || (version === offset && message.type !== 'ready')) this.disordered += 1;
    this.position = { epoch, offset: version };
    if (message.type === 'set') this.values.set(message.key, message.value);
    else if (message.type === 'delete') this.values.delete(message.key);
  }
}

export class WrittenStates {
  private readonly clusters: readonly Cluster[];
  private readonly groups: readonly StateGroup<number>[];
  private readonly followers: readonly Follower[];
  private readonly written = new Map<string, number>();
  /** Number of changes of the shared key that were acknowledged. */
  added = 0;
  private unknown = 0;
  private isWriting = true;
  private writers: Promise<void>[] = [];

  private constructor(clusters: readonly Cluster[]) {
    this.clusters = clusters;
    this.groups = clusters.map((cluster) => stateGroup<number>(cluster, 'state'));
    this.followers = clusters.map(() => new Follower());
  }

  /** Starts a node over each bus, with a member. Then each node changes the state. */
  static async start(buses: readonly Bus[]): Promise<WrittenStates> {
    const all = new WrittenStates(await Promise.all(buses.map(joined)));
    for (const [i, group] of all.groups.entries()) await all.followers[i]!.join(group);
    all.writers = all.groups.map((group, i) => all.write(group, i));
    return all;
  }

  /** Resolves when each member has got the state of another epoch, and changes are stored. */
  async inNextEpoch(): Promise<void> {
    const { followers, added } = this;
    const sizes = followers.map(({ epochs }) => epochs.size);
    const isThere = () => {
      for (const follower of followers) follower.read();
      return this.added > added && followers.every(({ epochs }, i) => epochs.size > sizes[i]!);
    };
    while (!isThere()) await delay(50);
  }

  /** Ends the writers, and waits until the members have what a new node reads from the store. */
  async end(reader: Bus): Promise<States> {
    this.isWriting = false;
    await Promise.all(this.writers);
    const cluster = await joined(reader);
    const stored = sorted(
      [...(await stateGroup<number>(cluster, 'state').entries())].map(([key, { value }]) => {
        return [key, value] as const;
      }),
    );
    const isSame = (follower: Follower) =>
      JSON.stringify(follower.read()) === JSON.stringify(stored);
    for (let tries = 0; tries < 100 && !this.followers.every(isSame); tries += 1) await delay(100);
    for (const one of [cluster, ...this.clusters]) await one.leave();
    const { followers, written, added, unknown } = this;
    return {
      stored,
      members: followers.map((follower) => follower.read()),
      written: sorted(written),
      added,
      unknown,
      disordered: followers.reduce((sum, { disordered }) => sum + disordered, 0),
      epochs: new Set(followers.flatMap(({ epochs }) => [...epochs])).size,
    };
  }

  private async write(group: StateGroup<number>, place: number): Promise<void> {
    const nameOf = (i: number) => `${place}-${i % OWN_KEYS}`;
    for (let i = 0; this.isWriting; i += 1) {
      const key = nameOf(i);
      // The fate of a failed change is not known. Each key gets its last value at the end.
      await succeeds(i % 7 === 0 ? group.delete(key) : group.set(key, i));
      if (i % 3 === 0) await this.add(group);
      if (i % STAYS === 0) await this.followers[place]!.join(group);
      await delay(CHANGE_EACH_MS);
    }
    for (let i = 0; i < OWN_KEYS; i += 1) {
      while (!(await succeeds(group.set(nameOf(i), 1000 + i)))) await delay(50);
      this.written.set(nameOf(i), 1000 + i);
    }
  }

  private async add(group: StateGroup<number>): Promise<void> {
    if (await succeeds(group.update(SHARED, (sum = 0) => sum + 1))) this.added += 1;
    else this.unknown += 1;
  }
}

function joined(bus: Bus): Promise<Cluster> {
  return Cluster.join({ app: 'failover', bus, logger: silentLogger });
}

function sorted(entries: Iterable<readonly [key: string, value: number]>): Values {
  return Object.fromEntries([...entries].sort(([one], [two]) => (one < two ? -1 : 1)));
}

function succeeds(step: PromiseLike<unknown>): PromiseLike<boolean> {
  return step.then(
    () => true,
    () => false,
  );
}
