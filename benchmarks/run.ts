// `npm run bench` compares Headrace with its peers and runs the micro-benchmarks, in about ten minutes.
// `npm run bench -- echo micro --rounds 9 --json figures.json` runs parts of it, and keeps the figures; `--node 24` runs it
// on another version of Node than the newest, and `--state 60` with more live objects in the heap of servers;
// `npm run bench -- --record` puts them into docs/performance.md and README.md.
import { writeFileSync } from 'node:fs';
import { broadcast } from './broadcast.ts';
import { calls } from './calls.ts';
import { cluster } from './cluster.ts';
import { connections } from './connections.ts';
import { contend } from './contend.ts';
import { datagrams } from './datagrams.ts';
import { echo } from './echo.ts';
import { files } from './files.ts';
import { machineText } from './harness/machine.ts';
import { onNode } from './harness/on-node.ts';
import { buildPackages } from './harness/packages.ts';
import { print, type Result } from './harness/report.ts';
import { lasting } from './lasting.ts';
import { logs } from './logs.ts';
import { micro } from './micro.ts';
import { nest } from './nest.ts';
import { nodes } from './nodes.ts';
import { record } from './record.ts';
import { relay } from './relay.ts';
import { rolling } from './rolling.ts';
import { runtimes } from './runtimes.ts';
import { readSettings, type Settings } from './settings.ts';
import { socketIo } from './socket-io.ts';
import { starting } from './starting.ts';
import { state } from './state.ts';
import { stateGroups } from './state-groups.ts';
import { storm } from './storm.ts';
import { tlsEcho } from './tls-echo.ts';
import { walls } from './walls.ts';
import { webSockets } from './web-sockets.ts';

const PARTS: Readonly<Record<string, (settings: Settings) => Promise<Result[]>>> = {
  echo,
  state,
  nodes,
  broadcast,
  tls: tlsEcho,
  websocket: webSockets,
  'socket-io': socketIo,
  datagrams,
  relay,
  files,
  calls,
  connections,
  lasting,
  logs,
  'state-groups': stateGroups,
  contend,
  cluster,
  storm,
  rolling,
  nest,
  micro,
  walls,
  runtimes,
  // Last: it builds the packages as they are published.
  starting,
};
/** Run by their names only: one installs Bun and compares runtimes, the others take minutes. */
const ASKED_FOR = ['runtimes', 'nodes', 'storm', 'rolling', 'walls', 'contend'];

const settings: Settings = readSettings(process.argv.slice(2));
const unknown = settings.parts.filter((part) => !(part in PARTS));
if (unknown.length > 0) {
  console.error(`no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`);
  process.exit(1);
}

const elsewhere = await onNode(settings.node);
if (elsewhere !== undefined) process.exit(elsewhere);

buildPackages();
console.log(machineText());
const results: Result[] = [];
for (const [name, part] of Object.entries(PARTS)) {
  const isWanted =
    settings.parts.length > 0
      ? settings.parts.includes(name)
      : !ASKED_FOR.includes(name) || (settings.record && name === 'nodes');
  if (!isWanted) continue;
  try {
    for (const result of await part(settings)) {
      print(result);
      results.push(result);
    }
  } catch (error) {
    // What the others measured is not lost.
    console.error(`${name} failed:`, error);
    process.exitCode = 1;
  }
}
if (settings.json !== undefined) {
  writeFileSync(settings.json, JSON.stringify({ machine: machineText(), results }, null, 2));
}
if (settings.record) record(results);
