// Nodes of a cluster: deliveries that crossed the bus, messages to users elsewhere, what users cost, bound and after a loss.
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BusProcess, NATS, REDIS } from './harness/bus-process.ts';
import { type LoadOptions, loadOn } from './harness/load-process.ts';
import { pinned } from './harness/machine.ts';
import { OrderedProcess } from './harness/ordered-process.ts';
import { nodePeer } from './harness/peers.ts';
import { type Goal, HEADRACE, type Result, type Row } from './harness/report.ts';
import { type Peer, ServerProcess } from './harness/server-process.ts';
import { short, spreadOf } from './harness/statistics.ts';
import type { Settings } from './settings.ts';

const run = promisify(execFile);
const messageProgram: string = fileURLToPath(new URL('./load/user-message.mjs', import.meta.url));
const boundProgram: string = fileURLToPath(new URL('./load/bound-users.mjs', import.meta.url));
const reconnectedProgram: string = fileURLToPath(
  new URL('./load/reconnected-users.mjs', import.meta.url),
);
const BYTES = 100;
const LOCAL = 'one process';
const SOCKET_IO = 'socket.io, Redis';
const BARE = 'nats client';
/** Whose messages end where they arrive: nothing is written to a member. */
const ALONE = 'without a member';
const presenceProgram: string = fileURLToPath(
  new URL('./load/presence-at-rest.mjs', import.meta.url),
);
const BOUND_USERS = 100_000;
const RECONNECTED_USERS = 600_000;
const GROUPS = 5000;
/** About as long as the other parts take for a round of a second. */
const MESSAGES_PER_SECOND = 30_000;

export async function cluster(settings: Settings): Promise<Result[]> {
  await using nats = await BusProcess.start(NATS);
  if (nats === undefined) return [];
  await using redis = await BusProcess.start(REDIS);
  return [
    await againstLocal(nats, settings),
    await againstSocketIo(nats, redis, settings),
    ...(await userMessages(nats, settings)),
    ...(await boundUsers(settings)),
    ...(await reconnectedUsers(settings)),
    ...(await presenceAtRest(nats)),
  ];
}

/** Two nodes, or one process whose deliveries cross nothing. */
export interface Nodes {
  readonly measured: ServerProcess;
  /** Where the messages come from. */
  readonly other: ServerProcess | undefined;
}

export async function startNodes(peer: Peer, isAlone = false): Promise<Nodes> {
  const measured = await ServerProcess.start(peer);
  try {
    return { measured, other: isAlone ? undefined : await ServerProcess.start(peer, 1) };
  } catch (error) {
    await measured[Symbol.asyncDispose]();
    throw error;
  }
}

function clusterPeer(name: string, protocol: 'frames' | 'ws', { url }: BusProcess): Peer {
  return nodePeer(name, 'broadcast-cluster.mjs', { protocol, rest: [protocol, url] });
}

async function againstLocal(nats: BusProcess, settings: Settings): Promise<Result> {
  const nodes = [
    () => startNodes(clusterPeer(HEADRACE, 'frames', nats)),
    () => startNodes(nodePeer(LOCAL, 'broadcast.mjs'), true),
  ];
  return {
    title: `deliveries of ${BYTES} bytes that crossed nodes, 1000 members each, NATS`,
    unit: "delivering node's CPU, us per delivery",
    rows: await compareDeliveries(nodes, 1000, settings),
    goals: [{ text: 'of a delivery within one process', to: LOCAL, atMost: 1.2 }],
  };
}

async function againstSocketIo(
  nats: BusProcess,
  redis: BusProcess | undefined,
  settings: Settings,
): Promise<Result> {
  const nodes = [() => startNodes(clusterPeer(HEADRACE, 'frames', nats))];
  if (redis !== undefined) {
    const io = { protocol: 'socket.io', rest: [redis.url] } as const;
    nodes.push(
      () => startNodes(clusterPeer('WebSockets, NATS', 'ws', nats)),
      () => startNodes(clusterPeer('WebSockets, Redis', 'ws', redis)),
      () => startNodes(nodePeer(SOCKET_IO, 'broadcast-socket-io.mjs', io)),
    );
  }
  return {
    title: `deliveries of ${BYTES} bytes that crossed nodes, 250 members each`,
    unit: "delivering node's CPU, us per delivery",
    rows: await compareDeliveries(nodes, 250, settings),
    goals: [{ text: "of Socket.IO's with its Redis adapter", to: SOCKET_IO, atMost: 0.6 }],
  };
}

/** All run at once and are loaded in turn, so that what disturbs one round disturbs all of them in it. */
export async function compareDeliveries(
  starts: readonly (() => Promise<Nodes>)[],
  connections: number,
  { rounds, seconds, warmup }: Settings,
): Promise<Row[]> {
  const peers: { readonly nodes: Nodes; readonly values: number[]; readonly user: number[] }[] = [];
  try {
    for (const begin of starts) peers.push({ nodes: await begin(), values: [], user: [] });
    for (let round = 0; round < rounds; round += 1) {
      for (const { nodes, values, user } of peers) {
        const load = {
          connections,
          bytes: BYTES,
          seconds: seconds * 3,
          // As often as in the broadcast to 5000.
          everyMs: (connections * 60) / 5000,
          warmup: round === 0 ? warmup : 0.3,
        };
        const cost = await costOfDelivery(nodes, load);
        values.push(cost.all);
        user.push(cost.user);
      }
    }
  } finally {
    for (const { nodes } of peers) {
      await nodes.measured[Symbol.asyncDispose]();
      await nodes.other?.[Symbol.asyncDispose]();
    }
  }
  return peers.map(({ nodes, values, user }) => ({
    peer: nodes.measured.peer.name,
    values,
    note: `${short(spreadOf(user).median)} outside the kernel`,
  }));
}

/** In microseconds; `user` is what of it is not the kernel's, which sends to each member all the same. */
interface DeliveryCost {
  readonly all: number;
  readonly user: number;
}

async function costOfDelivery(
  { measured, other }: Nodes,
  load: LoadOptions,
): Promise<DeliveryCost> {
  const from = other === undefined ? {} : { from: other.port };
  const {
    messages,
    cpu,
    user = 0,
  } = await loadOn(measured, 'broadcast-load', { ...load, ...from });
  return { all: (cpu * 1e6) / messages, user: (user * 1e6) / messages };
}

// --- users ---

interface Ends {
  readonly sender: ChildProcess;
  readonly receiver: ChildProcess;
}

/** What one message costs, in microseconds. */
interface MessageCost {
  readonly sender: number;
  readonly receiver: number;
  readonly server: number;
}

/** Both ends of each peer run at once, and work in turn. */
async function userMessages(nats: BusProcess, settings: Settings): Promise<Result[]> {
  const all = new Map<string, Ends>();
  const costs = new Map<string, MessageCost[]>([
    [HEADRACE, []],
    [BARE, []],
    [ALONE, []],
  ]);
  try {
    for (const [name, program] of [
      [HEADRACE, 'headrace'],
      [BARE, 'nats'],
      [ALONE, 'nats-alone'],
    ] as const) {
      const receiver = await startEnd(program, 'receives', nats);
      all.set(name, { receiver, sender: await startEnd(program, 'sends', nats) });
    }
    const warmup = Math.round(MESSAGES_PER_SECOND * settings.warmup);
    for (const ends of all.values()) await costOfMessage(ends, warmup, nats);
    for (let round = 0; round < settings.rounds; round += 1) {
      for (const [name, ends] of all) {
        const messages = Math.round(MESSAGES_PER_SECOND * settings.seconds * 2);
        costs.get(name)!.push(await costOfMessage(ends, messages, nats));
      }
    }
  } finally {
    for (const { sender, receiver } of all.values()) {
      sender.kill('SIGKILL');
      receiver.kill('SIGKILL');
    }
  }
  const rows = (part: (cost: MessageCost) => number): Row[] =>
    [...costs].map(([peer, values]) => ({ peer, values: values.map(part) }));
  const title = `messages of ${BYTES} bytes to a user on another node`;
  const goal: Goal = { text: "of the bare client's", to: BARE, atMost: 2 };
  const result = (
    what: string,
    part: (cost: MessageCost) => number,
    goals: Goal[] = [],
  ): Result => ({
    title: `${title}, ${what}`,
    unit: 'CPU, us per message',
    rows: rows(part),
    goals,
  });
  return [
    result('both ends', ({ sender, receiver }) => sender + receiver, [goal]),
    result('the end that sends', ({ sender }) => sender),
    result('the end that receives', ({ receiver }) => receiver),
    result('nats-server', ({ server }) => server),
  ];
}

async function startEnd(
  program: string,
  role: 'sends' | 'receives',
  { url }: BusProcess,
): Promise<ChildProcess> {
  const child = fork(messageProgram, [program, role, url], { execArgv: [] });
  await once(child, 'message');
  return child;
}

async function costOfMessage(
  { sender, receiver }: Ends,
  messages: number,
  nats: BusProcess,
): Promise<MessageCost> {
  const before = nats.cpuSeconds;
  await answer(receiver, { expect: messages });
  const received = once(receiver, 'message') as Promise<[{ cpu: number }]>;
  await answer(sender, { send: messages });
  const [atReceiver] = await received;
  const atSender = (await answer(sender, { report: true })) as { cpu: number };
  const server = ((nats.cpuSeconds - before) * 1e6) / messages;
  return { sender: atSender.cpu, receiver: atReceiver.cpu, server };
}

async function answer(child: ChildProcess, order: object): Promise<unknown> {
  const message = once(child, 'message');
  child.send(order);
  const [value] = (await message) as [unknown];
  return value;
}

/** Each round has a server of its own: what one has given back shows late in its memory. */
async function boundUsers({ rounds }: Settings): Promise<Result[]> {
  const measured: { bytes: number; inServer: number; seconds: number }[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    await using nats = await BusProcess.start(NATS);
    if (nats === undefined) return [];
    const order = JSON.stringify({ url: nats.url, serverPid: nats.pid, users: BOUND_USERS });
    const line = pinned(0, [process.execPath, '--expose-gc', boundProgram, order]);
    const [program, ...args] = line;
    const { stdout } = await run(program!, args, { timeout: 120_000 });
    measured.push(JSON.parse(stdout));
  }
  const result = (what: string, unit: string, values: number[], goals: Goal[] = []): Result => ({
    title: `${BOUND_USERS} bound users, ${what}`,
    unit,
    rows: [{ peer: HEADRACE, values }],
    goals,
  });
  const kilobytes = 'KB for each';
  return [
    result(
      'heap of the node',
      kilobytes,
      measured.map(({ bytes }) => bytes / 1000),
      [{ text: 'KB for each bound user', atMost: 1 }],
    ),
    result(
      'memory of nats-server',
      kilobytes,
      measured.map(({ inServer }) => inServer / 1000),
    ),
    result(
      'until all are in force',
      'seconds',
      measured.map(({ seconds }) => seconds),
    ),
  ];
}

/** After `kill -9` of the server, which begins again at once. Others call a node gone after 5 s of silence. */
async function reconnectedUsers({ rounds }: Settings): Promise<Result[]> {
  const measured: { reached: number; known: number }[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    await using nats = await BusProcess.start(NATS);
    if (nats === undefined) return [];
    const order = JSON.stringify({ url: nats.url, users: RECONNECTED_USERS });
    const heap = '--max-old-space-size=8192';
    await using nodes = await OrderedProcess.start(0, [
      process.execPath,
      ...[heap, reconnectedProgram, order],
    ]);
    const answer = nodes.order({ measure: true });
    await nats.restart();
    measured.push((await answer) as { reached: number; known: number });
  }
  const result = (what: string, values: number[], goals: Goal[] = []): Result => ({
    title: `${RECONNECTED_USERS} users after nats-server was killed, ${what}`,
    unit: 'seconds',
    rows: [{ peer: HEADRACE, values }],
    goals,
  });
  return [
    result(
      'until a message to one arrives',
      measured.map(({ reached }) => reached),
    ),
    result(
      'until the other node knows where all are',
      measured.map(({ known }) => known),
      [{ text: 'seconds', atMost: 5 }],
    ),
  ];
}

// --- presence ---

/** In one process: what it takes is divided by their number. */
const PRESENCE = [
  { nodes: 2, groups: GROUPS },
  { nodes: 8, groups: 4650 },
];

async function presenceAtRest({ url }: BusProcess): Promise<Result[]> {
  const results: Result[] = [];
  for (const { nodes, groups } of PRESENCE) {
    const order = JSON.stringify({ url, nodes, groups, presence: 'ids', seconds: 15 });
    const line = pinned(0, [process.execPath, '--expose-gc', presenceProgram, order]);
    const [program, ...args] = line;
    const { stdout } = await run(program!, args, { timeout: 240_000 });
    const { bytes, joinsPerSecond, emptyCpu, restCpu, restMessages } = JSON.parse(stdout);
    const result = (what: string, unit: string, value: number, goals: Goal[] = []): void => {
      const title = `${nodes} nodes with ${groups} groups of one member each, ${what}`;
      results.push({ title, unit, rows: [{ peer: HEADRACE, values: [value] }], goals });
    };
    const heap = 'KB for each';
    result('heap of a node', heap, bytes / 1000, [{ text: heap, atMost: 8 }]);
    result('joins of a node until all nodes know them', 'joins per second', joinsPerSecond);
    const atRest = 'ms of CPU per second and node';
    result('before there are groups', atRest, emptyCpu);
    const more = restCpu - emptyCpu;
    result('more at rest', atRest, more, [{ text: atRest, atMost: 1 }]);
    const messages = 'messages per second and node';
    result('at rest', messages, restMessages, [{ text: messages, atMost: 2 }]);
  }
  return results;
}
