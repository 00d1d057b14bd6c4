// Requests to a NestJS microservice: what one costs the server in CPU, against Nest's own TCP transporter.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '@headrace/workers';
import { type Goal, HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

// Nest is installed there only.
const program: string = fileURLToPath(
  new URL('../packages/nestjs/bench/nest-process.mjs', import.meta.url),
);
const OTHER = 'Nest TCP';
const PEERS = { [HEADRACE]: 'headrace', [OTHER]: 'tcp' } as const;
const REQUESTS_PER_SECOND = 10_000;
const DEPTHS = [1, 64] as const;

interface Pair {
  readonly server: ChildProcess;
  readonly client: ChildProcess;
}

/** All processes run at once and work in turn, so that what disturbs one round disturbs both transporters in it. */
export async function nest(settings: Settings): Promise<Result[]> {
  const pairs = new Map<string, Pair>();
  try {
    for (const [name, transport] of Object.entries(PEERS)) pairs.set(name, await start(transport));
    const results: Result[] = [];
    for (const depth of DEPTHS) results.push(await compare(pairs, depth, settings));
    return results;
  } finally {
    for (const pair of pairs.values()) {
      pair.client.kill('SIGKILL');
      pair.server.kill('SIGKILL');
    }
  }
}

async function start(transport: string): Promise<Pair> {
  const port = String(await freePort('127.0.0.1', 0));
  const server = await process('server', transport, port);
  return { server, client: await process('client', transport, port) };
}

async function process(role: string, transport: string, port: string): Promise<ChildProcess> {
  const child = fork(program, [role, transport, port], { execArgv: [] });
  await once(child, 'message');
  return child;
}

async function compare(
  pairs: ReadonlyMap<string, Pair>,
  depth: number,
  { rounds, seconds, warmup }: Settings,
): Promise<Result> {
  const costs = new Map<string, number[]>();
  for (const pair of pairs.values()) await cost(pair, depth, REQUESTS_PER_SECOND * warmup);
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, pair] of pairs) {
      const values = costs.get(name) ?? [];
      values.push(await cost(pair, depth, REQUESTS_PER_SECOND * seconds));
      costs.set(name, values);
    }
  }
  // One at a time, both pay for a read and a write of the kernel's: there is no difference to aim at.
  const goals: Goal[] = depth === 1 ? [] : [{ text: "of Nest TCP's", to: OTHER, atMost: 0.9 }];
  const rows = Array.from(costs, ([peer, values]) => ({ peer, values }));
  const title = `requests of 64 bytes to a NestJS microservice, ${depth} in flight`;
  return { title, unit: "server's CPU, us per request", rows, goals };
}

/** The server's CPU time for one request, in microseconds. */
async function cost({ server, client }: Pair, depth: number, requests: number): Promise<number> {
  const before = await cpuOf(server);
  const done = once(client, 'message');
  client.send({ depth, requests: Math.round(requests) });
  await done;
  return ((await cpuOf(server)) - before) / requests;
}

async function cpuOf(server: ChildProcess): Promise<number> {
  const answer = once(server, 'message');
  server.send('cpu');
  const [{ user, system }] = (await answer) as [NodeJS.CpuUsage];
  return user + system;
}
