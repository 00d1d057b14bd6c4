// Nodes of a cluster in processes of their own, on one nats-server: what joins of a storm, heartbeats and single messages cost.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BusProcess, NATS } from './harness/bus-process.ts';
import { OrderedProcess } from './harness/ordered-process.ts';
import { type Result, type Row } from './harness/report.ts';
import type { Settings } from './settings.ts';

const program: string = fileURLToPath(new URL('./load/storm-node.mjs', import.meta.url));
const SIZES = [2, 4, 8];
/** Of all nodes together. */
const JOINS_PER_SECOND = 1000;
const SECONDS = 3;
const WARM_MESSAGES = 20_000;
const WARM_USERS = 200;

interface Figures {
  /** Microseconds so far. */
  readonly cpu: number;
  readonly published: number;
  readonly heard: number;
}

/** Microseconds of CPU during an act. */
interface Cost {
  /** Of each node. */
  readonly each: readonly number[];
  readonly nodes: number;
  readonly server: number;
  readonly ms: number;
}

class World implements AsyncDisposable {
  readonly nodes: OrderedProcess[] = [];
  private readonly nats: BusProcess;

  private constructor(nats: BusProcess) {
    this.nats = nats;
  }

  static async start(size: number): Promise<World | undefined> {
    const nats = await BusProcess.start(NATS);
    if (nats === undefined) return undefined;
    const world = new World(nats);
    for (let place = 0; place < size; place += 1) {
      const order = JSON.stringify({ url: nats.url, place });
      world.nodes.push(await OrderedProcess.start(0, [process.execPath, program, order]));
    }
    await delay(4000);
    return world;
  }

  all(order: object): Promise<unknown[]> {
    return Promise.all(this.nodes.map((node) => node.order(order)));
  }

  /** Until the code of all that is measured is compiled. */
  async warmUp(): Promise<void> {
    const [messages, users] = [WARM_MESSAGES, WARM_USERS];
    await this.nodes[0]!.order({ say: { messages, everyMs: 0, together: 20 } });
    await this.all({ heard: messages });
    await this.all({ come: { users, everyMs: 2 } });
    await this.all({ known: users * this.nodes.length });
  }

  async figures(): Promise<Figures[]> {
    return (await this.all({ figures: true })) as Figures[];
  }

  /** What the nodes and the server took during an act, in microseconds of CPU. */
  async during(act: () => Promise<unknown>): Promise<Cost> {
    const [before, server, at] = [await this.figures(), this.nats.cpuSeconds, performance.now()];
    await act();
    const after = await this.figures();
    const each = after.map(({ cpu }, i) => cpu - before[i]!.cpu);
    return {
      each,
      nodes: sumOf(each),
      server: (this.nats.cpuSeconds - server) * 1e6,
      ms: performance.now() - at,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    await this.nats[Symbol.asyncDispose]();
  }
}

export async function storm({ rounds }: Settings): Promise<Result[]> {
  const values = new Map<string, Map<string, number[]>>();
  const add = (title: string, peer: string, value: number): void => {
    const rows = values.get(title) ?? new Map<string, number[]>();
    values.set(title, rows.set(peer, [...(rows.get(peer) ?? []), value]));
  };
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    for (const size of SIZES) {
      await using world = await World.start(size);
      if (world === undefined) return [];
      await measure(world, size, (title, value) => add(title, `${size} nodes`, value));
    }
  }
  return [...values].map(([title, rows]): Result => {
    const all = [...rows].map(([peer, of]): Row => ({ peer, values: of }));
    return { title, unit: UNITS.get(title) ?? 'CPU, us', rows: all, goals: [] };
  });
}

const REST = 'at rest, a second of a node';
const JOIN = 'a sign-in and a join in a storm of 1000 a second, on all nodes';
const JOIN_SERVER = 'the same, nats-server';
const JOIN_COPIES = 'the same, copies of messages';
const UNITS: ReadonlyMap<string, string> = new Map([[JOIN_COPIES, 'for each join']]);
const SAYS = [
  { name: 'one message in 10 ms', messages: 200, everyMs: 10, together: 1 },
  { name: '50 messages in each 10 ms', messages: 5000, everyMs: 10, together: 50 },
];

async function measure(
  world: World,
  size: number,
  add: (title: string, value: number) => void,
): Promise<void> {
  await world.warmUp();
  const rest = await world.during(() => delay(2000));
  add(REST, (rest.nodes / rest.ms / size) * 1000);
  /** What an act took besides the rest, and besides the timers of its pace. */
  const above = ({ each, server, ms }: Cost, pace: Cost, paceMs: number) => ({
    each: each.map((cpu, i) => cpu - pace.each[i]! - (rest.each[i]! / rest.ms) * (ms - paceMs)),
    server: server - (rest.server / rest.ms) * ms,
  });

  for (const { name, messages, everyMs, together } of SAYS) {
    const idle = { times: messages / together, everyMs };
    const pace = await world.during(() => world.nodes[0]!.order({ idle }));
    const [{ heard } = { heard: 0 }] = await world.figures();
    const cost = await world.during(async () => {
      await world.nodes[0]!.order({ say: { messages, everyMs, together } });
      await world.all({ heard: heard + messages });
    });
    const { each, server } = above(cost, pace, pace.ms);
    const [own, ...others] = each;
    add(`${name}, the node that writes`, own! / messages);
    add(`${name}, a node that receives`, sumOf(others) / others.length / messages);
    add(`${name}, nats-server, of each copy`, server / messages / (1 + size));
  }

  const before = await world.figures();
  const known = WARM_USERS * size;
  const joins = JOINS_PER_SECOND * SECONDS;
  const everyMs = (1000 * size) / JOINS_PER_SECOND;
  const pace = await world.during(() => world.all({ idle: { times: joins / size, everyMs } }));
  const cost = await world.during(async () => {
    await world.all({ come: { users: joins / size, everyMs } });
    await world.all({ known: joins + known });
  });
  const { each, server } = above(cost, pace, pace.ms);
  const messages = sumOf(
    (await world.figures()).map(({ published }, i) => published - before[i]!.published),
  );
  add(JOIN, sumOf(each) / joins);
  add(JOIN_SERVER, server / joins);
  add(JOIN_COPIES, (messages * size) / joins);
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
