// Do reads die young? Mark-compact collections of a server while another process has it echo large frames.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadOn } from './harness/load-process.ts';
import { HEADRACE, type Result, type Row } from './harness/report.ts';
import { type Peer, ServerProcess } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

const CONNECTIONS = 50;
const SECONDS = 3;
const FRAMES = [
  [4, 4 * 1024],
  [4, 16 * 1024],
  [1, 64 * 1024],
] as const;
const GOAL = { text: 'mark-compact collections', atMost: 3 };

function counted(name: string, server: string, ...flags: string[]): Peer {
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const preload = ['--import', file('load/gc-counts.mjs')];
  const command = [process.execPath, ...flags, ...preload, join(file('servers'), server)];
  return { name, command, isOrdered: true };
}

const PEERS: readonly Peer[] = [
  counted(HEADRACE, 'echo.mjs'),
  counted('freed at once', 'echo.mjs', '--no-concurrent-array-buffer-sweeping'),
  counted('net hand-tuned', 'echo-net-hand-tuned.mjs'),
];

export async function collections({ rounds, warmup }: Settings): Promise<Result[]> {
  const results: Result[] = [];
  for (const [depth, bytes] of FRAMES) {
    const rows: Row[] = [];
    for (const peer of PEERS) rows.push(await rowOf(peer, { depth, bytes, warmup }, rounds));
    const title = `collections in ${SECONDS} s of echo, ${CONNECTIONS} connections x ${depth} in flight x ${bytes} bytes`;
    results.push({ title, unit: GOAL.text, rows, goals: [GOAL] });
  }
  return results;
}

/** A new process for each round: a heap that has been collected has another limit. */
async function rowOf(
  peer: Peer,
  load: { depth: number; bytes: number; warmup: number },
  rounds: number,
): Promise<Row> {
  const values: number[] = [];
  let [messages, young] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    await using server = await ServerProcess.start(peer);
    const settings = { ...load, connections: CONNECTIONS };
    await loadOn(server, 'echo-load', { ...settings, seconds: 0.1 });
    await server.order({});
    const echoed = await loadOn(server, 'echo-load', { ...settings, warmup: 0, seconds: SECONDS });
    const counts = (await server.order({})) as { readonly full: number; readonly young: number };
    values.push(counts.full);
    messages += echoed.messages;
    young += counts.young;
  }
  return {
    peer: peer.name,
    values,
    note: `of ${young} in ${Math.round(messages / 1000)},000 messages`,
  };
}
