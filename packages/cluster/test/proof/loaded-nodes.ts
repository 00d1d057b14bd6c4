import type { BusChoice } from './bus-choice.ts';
import type { Heard } from './checked-members.ts';
import type { LoadSettings } from './load-program.ts';
import { NodeProcess } from './node-process.ts';

/** Delays in milliseconds. */
export interface DelayFigures {
  readonly count: number;
  readonly p99: number;
  readonly max: number;
}

/** What a node under load knows. */
export interface LoadReport {
  readonly written: number;
  readonly faults: number;
  /** By the place of the sender. */
  readonly heard: readonly Heard[];
  /** By the id of the sender. */
  readonly gaps: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly published: Readonly<Record<'sent' | 'kept' | 'dropped', number>>;
  /** Nodes that it saw leave. */
  readonly left: readonly string[];
}

const SIZES = {
  nodes: 3,
  members: 100,
  perSecond: 100,
  messageBytes: 3000,
  groups: 200,
  users: 500,
};

/** Nodes that run `load-program.ts`. */
export class LoadedNodes {
  readonly sizes: Omit<LoadSettings, 'bus' | 'place'>;
  nodes: readonly NodeProcess[] = [];
  ids: readonly string[] = [];

  constructor(sizes: Partial<typeof SIZES> = {}) {
    this.sizes = { ...SIZES, ...sizes };
  }

  async start(bus: BusChoice): Promise<void> {
    const places = Array.from({ length: this.sizes.nodes }, (_, place) => place);
    this.nodes = await Promise.all(
      places.map((place) => NodeProcess.start('./load-program.ts', { ...this.sizes, bus, place })),
    );
    this.ids = await this.all<string>('nodeId');
  }

  /** One that is no node of these, and has no bus. */
  startAlone(): Promise<NodeProcess> {
    const alone = { nodes: 1, groups: 0, users: 0, place: 0 };
    return NodeProcess.start('./load-program.ts', { ...this.sizes, ...alone });
  }

  all<R>(order: string, given: object = {}): Promise<R[]> {
    return Promise.all(this.nodes.map((node) => node.ask<R>(order, given)));
  }

  /** True if all see all members, and the bus. */
  async areTogether(): Promise<boolean> {
    const { nodes, members } = this.sizes;
    const states = await this.all<{ state: string; total: number; nodes: number }>('state');
    return states.every(
      (one) => one.state === 'up' && one.total === nodes * members && one.nodes === nodes,
    );
  }

  /** True if all members have the last message of each node, which write no more. */
  async haveAllLasts(): Promise<boolean> {
    const reports = await this.all<LoadReport>('report');
    return reports.every(({ heard }) =>
      heard.every(({ first }, sender) => first === reports[sender]!.written),
    );
  }

  /** What one node's member lost of another node, as its messages say, and as its `gap` events do. */
  async losses(): Promise<{ readonly real: readonly number[]; readonly told: readonly number[] }> {
    const { members, nodes } = this.sizes;
    const reports = await this.all<LoadReport>('report');
    const real: number[] = [];
    const told: number[] = [];
    for (const [receiver, { heard, gaps }] of reports.entries()) {
      for (let sender = 0; sender < nodes; sender += 1) {
        if (sender === receiver) continue;
        real.push(heard[sender]!.missed / members);
        told.push(gaps[this.ids[sender]!] ?? 0);
      }
    }
    return { real, told };
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }
}
