// A durable group on several nodes in this process, written and read on each of them while their servers fail.
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type DurableGroup, durableGroup } from '@headrace/durable';
import { sent } from '../nodes.ts';

const WRITE_EACH_MS = 20;

/** What came of the messages that were acknowledged. */
export interface Written {
  readonly acknowledged: number;
  /** Acknowledged messages that a member did not get, for each member. */
  readonly missing: readonly number[];
  /** Messages that a member got more than once, for each member. */
  readonly twice: readonly number[];
  /** Acknowledged messages that the log does not have. */
  readonly notStored: number;
  readonly twiceStored: number;
  /** Whether all members got the acknowledged messages in the same order. */
  readonly isOneOrder: boolean;
  /** The longest time between two acknowledgements. */
  readonly longestMs: number;
}

function succeeds(step: PromiseLike<unknown>): PromiseLike<boolean> {
  return step.then(
    () => true,
    () => false,
  );
}

export class WrittenRooms {
  private readonly clusters: readonly Cluster[];
  private readonly rooms: readonly DurableGroup<string>[];
  private readonly members: EmbeddedChannel[] = [];
  private readonly got: string[][] = [];
  private readonly acknowledged: string[] = [];
  private readonly times: number[] = [];
  private isWriting = true;
  private writers: Promise<void>[] = [];

  private constructor(clusters: readonly Cluster[]) {
    this.clusters = clusters;
    this.rooms = clusters.map((cluster) => durableGroup<string>(cluster, 'room'));
  }

  /** Starts a node over each bus, with a member. Then each node writes. */
  static async start(buses: readonly Bus[]): Promise<WrittenRooms> {
    const joining = buses.map((bus) =>
      Cluster.join({ app: 'failover', bus, logger: silentLogger }),
    );
    const all = new WrittenRooms(await Promise.all(joining));
    for (const room of all.rooms) {
      const member = new EmbeddedChannel();
      while (!(await succeeds(room.history.join(member)))) await delay(100);
      all.members.push(member);
      all.got.push([]);
    }
    all.writers = all.rooms.map((room, i) => all.write(room, i));
    return all;
  }

  /** Ends the writers, waits until the members have everything, and reads the log. */
  async end(): Promise<Written> {
    this.isWriting = false;
    await Promise.all(this.writers);
    const { acknowledged } = this;
    const want = new Set(acknowledged);
    const isAll = () => this.read().every((got) => [...want].every((id) => got.includes(id)));
    for (let tries = 0; tries < 100 && !isAll(); tries += 1) await delay(100);
    const log = await this.stored();
    const wanted = this.read().map((got) => got.filter((id) => want.has(id)));
    for (const cluster of this.clusters) await cluster.leave();
    return {
      acknowledged: acknowledged.length,
      missing: wanted.map((got) => want.size - new Set(got).size),
      twice: this.got.map((got) => got.length - new Set(got).size),
      notStored: acknowledged.filter((id) => !log.includes(id)).length,
      twiceStored: log.length - new Set(log).size,
      isOneOrder: wanted.every((got) => got.join() === wanted[0]!.join()),
      longestMs: Math.max(...this.times.map((time, i) => time - (this.times[i - 1] ?? time))),
    };
  }

  /** How many messages were acknowledged so far. */
  get count(): number {
    return this.acknowledged.length;
  }

  private async write(room: DurableGroup<string>, place: number): Promise<void> {
    for (let i = 0; this.isWriting; i += 1) {
      const id = `${place}-${i}`;
      // Repeated with the same id until it is stored.
      while (!(await succeeds(room.write(id, { id })))) await delay(50);
      this.acknowledged.push(id);
      this.times.push(performance.now());
      await delay(WRITE_EACH_MS);
    }
  }

  private read(): readonly string[][] {
    for (const [i, member] of this.members.entries()) {
      this.got[i]!.push(...sent(member).map(String));
    }
    return this.got;
  }

  /** The messages of the log from its beginning. */
  private async stored(): Promise<string[]> {
    const { history } = this.rooms[0]!;
    const { position } = await history.newest(1);
    const all: string[] = [];
    for (let at = { ...position, offset: 0 }; ; ) {
      const page = await history.since(at);
      if (!page.recovered) throw new Error('the log does not reach back to its beginning');
      all.push(...page.entries.map(({ message }) => message));
      if (page.isComplete) return all;
      at = page.position;
    }
  }
}
