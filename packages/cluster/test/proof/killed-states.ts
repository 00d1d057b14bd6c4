import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { BusServer } from '../../../core/test/fixture/bus-server.ts';
import type { BusChoice } from './bus-choice.ts';
import { Dice } from './dice.ts';
import { NodeProcess } from './node-process.ts';

const PLACES = [0, 1, 2];
/** Number of writers of each node, each with keys of its own. */
const WRITERS = 2;
const KEYS = 5;
const PAUSE_MS = 20;
/** Time for which a killed server is away. */
const AWAY_MS = 500;
const SHARED = 'shared';
/** For what hangs only. */
const WITHIN = { timeout: 60_000, interval: 100 };

/** A value with its version. */
type Entry = readonly [value: number, version: number];
type Entries = Readonly<Record<string, Entry>>;

/** What is known of a key that one writer changes, by growing values. */
interface Known {
  acknowledged: number;
  /** The last value that the writer asked for. It may be stored. */
  asked: number;
}

/**
 * Three processes with one state over a server, and writers on each of them. The writers belong to the test, so that it knows what
 * was acknowledged when a process is killed.
 */
export class KilledStates {
  readonly keys = new Map<string, Known>();
  /** The number of acknowledged additions to the key of all writers, and of those whose fate is not known. */
  added = 0;
  unknown = 0;
  private acknowledged = 0;
  private readonly dice: Dice;
  private readonly kind: BusChoice['kind'];
  private readonly server: BusServer;
  private readonly nodes: NodeProcess[] = [];
  /** Places whose node is not asked for changes. */
  private readonly silent = new Set<number>();
  private writers: Promise<void>[] = [];
  private isOver = false;

  private constructor(kind: BusChoice['kind'], server: BusServer, seed: number) {
    this.kind = kind;
    this.server = server;
    this.dice = new Dice(seed);
  }

  static async start(
    kind: BusChoice['kind'],
    server: BusServer,
    seed: number,
  ): Promise<KilledStates> {
    const states = new KilledStates(kind, server, seed);
    await Promise.all(PLACES.map((place) => states.startNode(place)));
    await states.whole();
    states.writers = PLACES.flatMap((place) =>
      Array.from({ length: WRITERS }, (_, at) => states.write(place, `${place}-${at}`)),
    );
    await states.moreChanges();
    return states;
  }

  /** Kills a node, and starts it again when the others go on. */
  async kill(): Promise<void> {
    const place = this.dice.of(PLACES);
    this.silent.add(place);
    await this.nodes[place]!.kill();
    await this.again(place);
  }

  /** Ends a node, and starts it again. */
  async end(): Promise<void> {
    const place = this.dice.of(PLACES);
    this.silent.add(place);
    this.nodes[place]!.signal('SIGTERM');
    expect(await this.nodes[place]!.exited).toEqual([0, null]);
    await this.again(place);
  }

  /** Stops a node until the others take it for gone, and have made many changes. */
  async standStill(): Promise<void> {
    const place = this.dice.of(PLACES);
    this.silent.add(place);
    const others = PLACES.filter((other) => other !== place);
    this.nodes[place]!.signal('SIGSTOP');
    const isGone = async () =>
      (await this.all<number>('nodes', others)).every((count) => count === others.length);
    await expect.poll(isGone, WITHIN).toBe(true);
    await this.moreChanges(200);
    this.nodes[place]!.signal('SIGCONT');
    await this.whole();
    this.silent.delete(place);
    await this.moreChanges();
  }

  /** Kills the server, and starts it again. */
  async killServer(): Promise<void> {
    await this.server.kill();
    await delay(AWAY_MS);
    await this.server.start();
    await this.whole();
    await this.moreChanges();
  }

  /** Ends the writers. Resolves with what each node has, when that is the same. */
  async maps(): Promise<Entries> {
    this.isOver = true;
    await Promise.all(this.writers);
    const maps = () => this.all<Entries>('map');
    const areEqual = async () => new Set((await maps()).map((map) => JSON.stringify(map))).size;
    await expect.poll(areEqual, WITHIN).toBe(1);
    return (await maps())[0]!;
  }

  async close(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all(this.writers);
  }

  private all<R>(order: string, places = PLACES): Promise<R[]> {
    return Promise.all(places.map((place) => this.nodes[place]!.ask<R>(order)));
  }

  private async startNode(place: number): Promise<void> {
    this.nodes[place] = await NodeProcess.start('./state-program.ts', {
      kind: this.kind,
      port: this.server.port,
    });
  }

  private async again(place: number): Promise<void> {
    await this.moreChanges();
    await this.startNode(place);
    await this.whole();
    this.silent.delete(place);
    await this.moreChanges();
  }

  /** Resolves when all nodes see each other. */
  private async whole(): Promise<void> {
    const seen = () => this.all<number>('nodes');
    await expect.poll(seen, WITHIN).toEqual(PLACES.map(() => PLACES.length));
  }

  /** Resolves when further changes were acknowledged. */
  private async moreChanges(count = 20): Promise<void> {
    const { acknowledged } = this;
    await expect.poll(() => this.acknowledged - acknowledged, WITHIN).toBeGreaterThan(count);
  }

  private async write(place: number, name: string): Promise<void> {
    for (let value = 1; !this.isOver; value += 1) {
      await delay(this.dice.below(PAUSE_MS));
      if (this.isOver || this.silent.has(place)) continue;
      const node = this.nodes[place]!;
      if (this.dice.oneIn(4)) await this.add(node);
      else await this.set(node, `${name}-${this.dice.below(KEYS)}`, value);
    }
  }

  private async set(node: NodeProcess, key: string, value: number): Promise<void> {
    const known = this.keys.get(key) ?? { acknowledged: 0, asked: 0 };
    this.keys.set(key, known);
    known.asked = value;
    if (!(await this.isStored(node, 'set', { key, value }))) return;
    known.acknowledged = value;
  }

  private async add(node: NodeProcess): Promise<void> {
    if (await this.isStored(node, 'add', { key: SHARED })) this.added += 1;
    else this.unknown += 1;
  }

  /** Resolves with false if nothing is known. */
  private async isStored(node: NodeProcess, order: string, given: object): Promise<boolean> {
    try {
      await node.ask(order, given);
    } catch {
      return false;
    }
    this.acknowledged += 1;
    return true;
  }
}
