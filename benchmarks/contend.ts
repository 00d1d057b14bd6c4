// Nodes that write one state group in NATS or Redis: each its own key, and over links with a delay.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BusProcess, JET_STREAM, SAFE_REDIS } from './harness/bus-process.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const run = promisify(execFile);
const program: string = fileURLToPath(new URL('./load/contend.mjs', import.meta.url));
const CHANGES = 800;
const ONE = 'one node';
const DURABLE = 'a durable group';
const WRITERS = 3;
/** The time on the way to the server, and the same back. */
const DELAYS_MS = [10, 50] as const;
const SECONDS = 10;

interface Answer {
  readonly ms: number;
  readonly messages: number;
  readonly failed: number;
  readonly rate: number;
  readonly least: number;
}

async function ask(order: object): Promise<Answer> {
  const { stdout } = await run(process.execPath, [program, JSON.stringify(order)], {
    timeout: 180_000,
  });
  return JSON.parse(stdout) as Answer;
}

export async function contend({ rounds }: Settings): Promise<Result[]> {
  const results: Result[] = [];
  for (const [name, server] of [
    ['NATS', JET_STREAM],
    ['Redis', SAFE_REDIS],
  ] as const) {
    await using bus = await BusProcess.start(server);
    if (bus === undefined) continue;
    const { url } = bus;
    results.push(...(await ownKeys(name, url, rounds)));
    for (const delayMs of DELAYS_MS) results.push(await slowLinks(name, url, rounds, delayMs));
  }
  return results;
}

/** The same number of changes by one node, and by many of which each writes its own key. */
async function ownKeys(name: string, url: string, rounds: number): Promise<Result[]> {
  const results: Result[] = [];
  for (const nodes of [16, 32]) {
    const [times, alone, sent, failed]: number[][] = [[], [], [], []];
    for (let round = 0; round < rounds; round += 1) {
      const order = { url, kind: 'state', changes: CHANGES };
      alone!.push((await ask({ ...order, nodes: 1 })).ms);
      const { ms, messages, failed: count } = await ask({ ...order, nodes });
      times!.push(ms);
      sent!.push(messages);
      failed!.push(count);
    }
    const title = `${CHANGES} changes of a state in ${name} by ${nodes} nodes`;
    const row = (values: readonly number[]) => [{ peer: HEADRACE, values }];
    results.push(
      {
        title,
        unit: 'ms',
        rows: [...row(times!), { peer: ONE, values: alone! }],
        goals: [{ text: 'of the time of one node', to: ONE, atMost: 0.5 }],
      },
      {
        title: `${title}, failed`,
        unit: 'changes',
        rows: row(failed!),
        goals: [{ text: 'fail', atMost: 0 }],
      },
    );
    if (name !== 'NATS') continue;
    results.push({
      title: `${title}, sent`,
      unit: 'messages for a change',
      rows: row(sent!),
      goals: [{ text: 'messages for a change', atMost: 1.1 }],
    });
  }
  return results;
}

/** The time between two changes, beside a durable group over the same links, and of the slowest node. */
async function slowLinks(
  name: string,
  url: string,
  rounds: number,
  delayMs: number,
): Promise<Result> {
  const [own, durable, slowest]: number[][] = [[], [], []];
  for (let round = 0; round < rounds; round += 1) {
    const order = { url, nodes: WRITERS, delayMs, seconds: SECONDS };
    const { rate, least } = await ask({ ...order, kind: 'state' });
    own!.push(1000 / rate);
    slowest!.push(1000 / (least * WRITERS));
    durable!.push(1000 / (await ask({ ...order, kind: 'durable' })).rate);
  }
  return {
    title: `changes of a state in ${name} by ${WRITERS} nodes at ${2 * delayMs} ms`,
    unit: 'ms between two changes',
    rows: [
      { peer: HEADRACE, values: own! },
      { peer: DURABLE, values: durable! },
      { peer: 'the slowest node', values: slowest! },
    ],
    goals: [{ text: "of a durable group's time", to: DURABLE, atMost: 1.25 }],
  };
}
