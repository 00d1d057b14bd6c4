import { Buffer } from 'node:buffer';
import { expect } from 'vitest';
import type { MeshLink } from '../../../src/bus/mesh/mesh-link.ts';
import type { MeshStates } from '../../../src/bus/mesh/mesh-states.ts';
import type { StateAnswer, StateEntry, StatePage } from '../../../src/log/state-log.ts';
import { MeshNodes } from './mesh-nodes.ts';

export const STREAM = 'hr.papp.s.proom';
export const LIMITS = { keys: 100_000, bytes: 2 ** 30, removals: 1000, removalAgeMs: 3_600_000 };
export const ALL = ['a', 'b', 'c'];

/** Nodes of a mesh that have a state. */
export class StateNodes extends MeshNodes {
  private ids = 0;

  static async up(names: readonly string[] = ALL, seed = 1): Promise<StateNodes> {
    const mesh = new StateNodes(seed);
    for (const name of names) mesh.add(name, names);
    await mesh.pass(3000);
    for (const name of names) await mesh.open(name);
    return mesh;
  }

  /** Does something on a node, and waits for it. */
  async on<T>(name: string, task: () => Promise<T>, forMs = 6000): Promise<T> {
    let outcome: (() => T) | undefined;
    this.sim.at(this.sim.now, () => {
      task().then(
        (value) => {
          outcome = () => value;
        },
        (error: unknown) => {
          outcome = () => {
            throw error;
          };
        },
      );
    });
    for (const end = this.sim.now + forMs; outcome === undefined && this.sim.now < end; ) {
      await this.pass(5);
    }
    if (outcome === undefined) throw new Error(`${name} does not answer`);
    return outcome();
  }

  log(name: string) {
    return this.at(name).bus.stateLog!;
  }

  open(name: string, limits = LIMITS): Promise<void> {
    return this.on(name, () => this.log(name).open(STREAM, limits));
  }

  begin(name: string, key: string, value: string, id?: string): Promise<StateAnswer> {
    this.ids += 1;
    const bytes = Buffer.from(value);
    const byteLength = key.length + bytes.byteLength;
    const write = { key, bytes, isRemoval: false, expected: undefined, byteLength };
    return this.log(name).append(STREAM, id ?? `id${this.ids}`, write);
  }

  /** Removes a key. Nothing waits for it. */
  beginToRemove(name: string, key: string): void {
    this.ids += 1;
    const write = { key, bytes: Buffer.alloc(0), isRemoval: true, expected: undefined };
    const byteLength = key.length;
    this.log(name)
      .append(STREAM, `id${this.ids}`, { ...write, byteLength })
      .catch(() => {});
  }

  async set(name: string, key: string, value: string, id?: string): Promise<number> {
    const answer = await this.on(name, () => this.begin(name, key, value, id));
    if ('position' in answer) return answer.position.offset;
    throw new Error(`not stored: ${JSON.stringify(answer)}`);
  }

  page(name: string, after = 0): Promise<StatePage> {
    return this.on(name, () => this.log(name).read(STREAM, after, 100_000));
  }

  async map(name: string): Promise<Record<string, string>> {
    const { entries } = await this.page(name);
    return Object.fromEntries(entries.map(({ key, bytes }) => [key, String(bytes)]));
  }

  states(name: string): MeshStates {
    const { keeper } = this.at(name).bus as unknown as { keeper: { link: MeshLink } };
    return keeper.link['states'];
  }

  /** Ends the link of a node, as when the connection of the node to itself ends. The bus makes another one. */
  loseLink(name: string): void {
    const { keeper } = this.at(name).bus as unknown as { keeper: { link: MeshLink } };
    keeper.link['lose'](new Error('lost in a test'));
  }

  keeps(name: string): boolean {
    return this.states(name)['keepers'].own(STREAM) !== undefined;
  }

  keeper(names: readonly string[] = ALL): string {
    const keepers = names.filter((name) => this.keeps(name));
    expect(keepers.length).toBe(1);
    return keepers[0]!;
  }

  follow(name: string): StateEntry[] {
    const live: StateEntry[] = [];
    this.sim.at(this.sim.now, () => {
      this.log(name).follow(STREAM, (entry) => live.push(entry));
    });
    return live;
  }
}

export const others = (name: string, names: readonly string[] = ALL) =>
  names.filter((other) => other !== name);
