// State groups: what a change costs beside a broadcast of the same text, what a join costs and transfers, and the memory of a key. The
// peer is a state by hand on Socket.IO.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compareBroadcast } from './broadcast.ts';
import { loadOn } from './harness/load-process.ts';
import { openFilesLimit, pinned } from './harness/machine.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import { ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

const run = promisify(execFile);
const memoryProgram: string = fileURLToPath(new URL('./load/state-memory.mjs', import.meta.url));
const BYTES = 100;
const BROADCAST = 'a group';
const BY_HAND = 'by hand on socket.io';
const JOINS = 1000;
/** Joins of a server that is warm. */
const AGAIN = 40;
const KEYS = 100_000;
export async function stateGroups(settings: Settings): Promise<Result[]> {
  return [await changes(settings), ...(await joins(settings)), ...(await memory())];
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
