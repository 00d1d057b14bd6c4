// State groups: what a change costs beside a broadcast of the same text, what a join costs and transfers, and the memory of a key. The
// peer is a state by hand on Socket.IO. And what a change costs that a mesh has acknowledged, beside a store in memory.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@headrace/workers';
import { compareBroadcast } from './broadcast.ts';
import { loadOn } from './harness/load-process.ts';
import { openFilesLimit, pinned } from './harness/machine.ts';
import { OrderedProcess } from './harness/ordered-process.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import { ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

const run = promisify(execFile);
const memoryProgram: string = fileURLToPath(new URL('./load/state-memory.mjs', import.meta.url));
const nodeProgram: string = fileURLToPath(new URL('./load/state-node.mjs', import.meta.url));
const BYTES = 100;
const BROADCAST = 'a group';
const BY_HAND = 'by hand on socket.io';
const JOINS = 1000;
/** Joins of a server that is warm. */
const AGAIN = 40;
const KEYS = 100_000;
const IN_MEMORY = 'a store in memory';
const STANDBYS = ['a mesh of one node', 'with one standby', HEADRACE];
/** Time for the standbys to connect, and to read the state. */
const CONNECT_MS = 3000;

export async function stateGroups(settings: Settings): Promise<Result[]> {
  return [
    await changes(settings),
    ...(await joins(settings)),
    ...(await memory()),
    ...(await sets(settings)),
  ];
}

async function changes(settings: Settings): Promise<Result> {
  const connections = Math.min(5000, openFilesLimit() - 200);
  const peers = [
    nodePeer(HEADRACE, 'state-group.mjs', { protocol: 'ws', rest: ['changes'] }),
    nodePeer(BROADCAST, 'broadcast-texts.mjs', { protocol: 'ws' }),
    nodePeer(BY_HAND, 'state-socket-io.mjs', { protocol: 'socket.io', rest: ['changes'] }),
  ];
  const { rows } = await compareBroadcast(peers, { connections, bytes: BYTES }, settings);
  return {
    title: `a change of ${BYTES} bytes to ${connections} members of a state group`,
    unit: "server's CPU, us per delivery",
    rows,
    goals: [
      { text: "of a group's broadcast", to: BROADCAST, atMost: 1.1 },
      { text: "of Socket.IO's by hand", to: BY_HAND, atMost: 1 },
    ],
  };
}

/** The members of both peers get ten values of 100 bytes, after 5,000 writes. */
async function joins({ rounds }: Settings): Promise<Result[]> {
  const peers = [
    nodePeer(HEADRACE, 'state-group.mjs', { protocol: 'ws', rest: ['joins'] }),
    nodePeer(BY_HAND, 'state-socket-io.mjs', { protocol: 'socket.io', rest: ['joins'] }),
  ];
  const costs = peers.map((): number[] => []);
  const sizes = peers.map((): number[] => []);
  const servers: ServerProcess[] = [];
  try {
    for (const peer of peers) servers.push(await ServerProcess.start(peer));
    for (let round = 0; round < rounds; round += 1) {
      for (const [i, server] of servers.entries()) {
        const load = { joins: JOINS, warmupJoins: round === 0 ? JOINS : AGAIN };
        const { cpu, messages, bytes } = await loadOn(server, 'join-load', load);
        costs[i]!.push((cpu * 1e6) / messages);
        sizes[i]!.push(bytes!);
      }
    }
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
  const title = 'a join of a state of 10 keys after 5000 writes';
  const rowsOf = (values: readonly number[][]) =>
    peers.map(({ name }, i) => ({ peer: name, values: values[i]! }));
  const goals = [{ text: "of Socket.IO's by hand", to: BY_HAND, atMost: 1 }];
  return [
    {
      title: `${title}, with its connection`,
      unit: "server's CPU, us",
      rows: rowsOf(costs),
      goals,
    },
    { title: `${title}, size`, unit: 'bytes', rows: rowsOf(sizes), goals: [] },
  ];
}

async function memory(): Promise<Result[]> {
  const order = JSON.stringify({ keys: KEYS, bytes: BYTES });
  const [program, ...args] = pinned(0, [process.execPath, '--expose-gc', memoryProgram, order]);
  const { stdout } = await run(program!, args, { timeout: 120_000 });
  const { store, node } = JSON.parse(stdout) as { store: number; node: number };
  const title = `a state of ${KEYS} keys with values of ${BYTES} bytes`;
  const result = (what: string, value: number): Result => ({
    title: `${title}, ${what}`,
    unit: 'bytes for each key',
    rows: [{ peer: HEADRACE, values: [value] }],
    goals: [],
  });
  return [result('store in memory', store), result('a node with members', node)];
}

/** The nodes of one store. The first one keeps the state, and makes the changes. */
interface StoreNodes {
  readonly peer: string;
  readonly keeper: OrderedProcess;
  readonly standbys: readonly OrderedProcess[];
}

async function sets({ rounds }: Settings): Promise<Result[]> {
  const started: OrderedProcess[] = [];
  const node = async (order: object, core: 0 | 1): Promise<OrderedProcess> => {
    const command = [process.execPath, nodeProgram, JSON.stringify(order)];
    const one = await OrderedProcess.start(core, command);
    started.push(one);
    return one;
  };
  try {
    const stores: StoreNodes[] = [{ peer: IN_MEMORY, keeper: await node({}, 0), standbys: [] }];
    for (const [count, peer] of STANDBYS.entries()) {
      const ports = new Set<number>();
      while (ports.size <= count) ports.add(await freePort('127.0.0.1', 0));
      const [first, ...others] = Array.from(ports, (_, at) => ({ ports: [...ports], at }));
      const keeper = await node(first!, 0);
      await keeper.order({ sets: 1, depth: 1, bytes: BYTES });
      const standbys: OrderedProcess[] = [];
      for (const other of others) standbys.push(await node(other, 1));
      stores.push({ peer, keeper, standbys });
    }
    await new Promise((resolve) => setTimeout(resolve, CONNECT_MS));
    return [
      ...(await setsOf(stores, { count: 5000, depth: 1 }, rounds)),
      ...(await setsOf(stores, { count: 30_000, depth: 64 }, rounds)),
    ];
  } finally {
    for (const one of started) await one[Symbol.asyncDispose]();
  }
}

async function setsOf(
  stores: readonly StoreNodes[],
  { count, depth }: { readonly count: number; readonly depth: number },
  rounds: number,
): Promise<Result[]> {
  const order = { sets: count, depth, bytes: BYTES };
  for (const { keeper } of stores) await keeper.order(order);
  const costs = stores.map((): number[] => []);
  const ofStandbys = stores.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, { keeper, standbys }] of stores.entries()) {
      const cpu = () => Promise.all(standbys.map((one) => one.order({}) as Promise<number>));
      const before = await cpu();
      costs[i]!.push(((await keeper.order(order)) as number) / count);
      const after = await cpu();
      const used = after.map((micros, at) => micros - before[at]!);
      if (used.length > 0) {
        ofStandbys[i]!.push(used.reduce((sum, one) => sum + one, 0) / used.length / count);
      }
    }
  }
  const title = `an acknowledged change of ${BYTES} bytes, ${depth} at once`;
  const rowsOf = (values: readonly number[][]) =>
    stores
      .map(({ peer }, i) => ({ peer, values: values[i]! }))
      .filter((row) => row.values.length > 0);
  return [
    { title: `${title}, two standbys`, unit: "keeper's CPU, us", rows: rowsOf(costs), goals: [] },
    {
      title: `${title}, for each standby`,
      unit: "standby's CPU, us",
      rows: rowsOf(ofStandbys),
      goals: [],
    },
  ];
}
