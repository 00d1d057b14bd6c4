// What every system of the gallery shares: its settings, and how it starts and ends.
import { constants } from 'node:os';
import type { Bus } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import type { Server } from '@headrace/core';
import type { ProcessBusOptions, StartedWorker, WorkerContext } from '@headrace/workers';

/** What a user may set, by environment variables; the defaults are the original's. */
export interface Settings {
  /** `HOST` */
  readonly host: string;
  /** `PORT`; 0 picks a free one. */
  readonly port: number;
  /** `INTERVAL_MS`, in milliseconds. */
  readonly intervalMs: number;
  /** `ATTEMPTS` */
  readonly attempts: number;
}

/** Runs one role of a system; what it started goes on after it has returned. */
export type Role = (settings: Settings) => unknown;

/** One system of the gallery: `npm run gallery -- NAME [ROLE]`. */
export interface System {
  /** One line for the table. */
  readonly what: string;
  readonly defaults: Partial<Settings> & { readonly port: number };
  /** By name; what is started without ROLE is all of `whole`, the listening one first. */
  readonly roles: Readonly<Record<string, Role>>;
  /** @default the names of all roles */
  readonly whole?: readonly string[];
  /** By role: the programs in `peers/` that play it, without Headrace. */
  readonly peers: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

const FALLBACK = { host: '127.0.0.1', intervalMs: 1000, attempts: Number.POSITIVE_INFINITY };

/** @throws Error that names the variable, if one is not valid */
export function settingsOf({ defaults }: System, env: Environment = process.env): Settings {
  const whole = (name: string, usual: number, min: number, max: number): number => {
    const text = env[name];
    if (text === undefined || text === '') return usual;
    if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new Error(`${name} is ${JSON.stringify(text)}: it must be a number, ${min} to ${max}`);
  };
  const usual = { ...FALLBACK, ...defaults };
  return {
    host: env['HOST'] || usual.host,
    port: whole('PORT', usual.port, 0, 65_535),
    intervalMs: whole('INTERVAL_MS', usual.intervalMs, 1, 86_400_000),
    attempts: whole('ATTEMPTS', usual.attempts, 1, 1_000_000),
  };
}

/** `HOST:PORT`; an IPv6 address stands in brackets. */
export function placeText(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What a stranger sent, for printing: without characters that end a line, move the cursor or turn the text around. */
export function shown(text: unknown): string {
  return String(text)
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trimEnd();
}

/** Prints where a server listens, as the first line of its output, and ends it at SIGINT and SIGTERM. */
export function listening(
  server: Pick<Server, 'shutdown' | 'channel' | 'port'>,
  host: string,
): void {
  console.log(placeText(host, server.port));
  endsBySignal(() => server.shutdown({ drainTimeoutMs: 1000 }));
}

/** Ctrl+C reaches a process from the terminal, from npm and from the process above it. */
const SAME_SIGNAL_MS = 500;

/** At SIGINT and SIGTERM: ends what was started, then the process, with exit code 0. The second one ends it at once. */
export function endsBySignal(end: () => unknown): void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) {
    process.once(signal, async () => {
      const since = performance.now();
      for (const other of signals) {
        process.on(other, () => {
          if (performance.now() - since < SAME_SIGNAL_MS) return;
          process.exit(128 + constants.signals[other]);
        });
      }
      try {
        await end();
        process.exit(0);
      } catch (error) {
        console.error(`gallery: ${(error as Error).message}`);
        process.exit(1);
      }
    });
  }
}

/** NATS if `BUS` names it (`nats://127.0.0.1:4222`); else the bus between the processes of one command. */
export async function busOf(options: ProcessBusOptions = {}): Promise<Bus> {
  const servers = process.env['BUS'];
  if (servers) return (await import('@headrace/bus/nats')).natsBus({ servers, ...options });
  return (await import('@headrace/workers')).processBus(options);
}

/**
 * Runs a process for each name, and prints the place that the first one gives as its `info`, then each name with its
 * process, `primary` for this one; later those that take the place of one that is gone. Ends them all at SIGINT and SIGTERM, and replaces them
 * one by one at SIGHUP.
 */
export async function startProcesses(
  primary: string,
  names: readonly string[],
  start: (context: WorkerContext) => Promise<StartedWorker>,
): Promise<void> {
  const { runWorkers } = await import('@headrace/workers');
  const { stderrLogger } = await import('@headrace/core');
  let isReady = false;
  const print = (number: number, pid: number): void =>
    console.log(`${names[number - 1]}: process ${pid}`);
  const workers = await runWorkers({
    count: names.length,
    start,
    logger: stderrLogger('warn'),
    onWorker: (event) => {
      if (isReady && event.type === 'started') print(event.number, event.pid);
    },
  });
  isReady = true;
  console.log(workers.list()[0]!.info);
  console.log(`${primary}: process ${process.pid}`);
  for (const { number, pid } of workers.list()) print(number, pid);
}

/** Answers over HTTP with the nodes that take clients; `cluster` is its own. */
export async function startRoute(
  cluster: Cluster,
  { host, port }: Pick<Settings, 'host' | 'port'>,
): Promise<StartedWorker> {
  const { routeServer } = await import('@headrace/cluster');
  const route = await routeServer({ cluster, host, port, ttlMs: 1000 });
  const drain = () => route.close().then(() => cluster.leave());
  return { info: placeText(host, route.port), drain };
}

/** One role that is started apart from the others: prints where it listens, or its process, and ends it well. */
export function startedApart({ info, drain }: StartedWorker): void {
  console.log(info ?? `process ${process.pid}`);
  endsBySignal(() => drain({ why: 'signal', drainTimeoutMs: 5000 }));
}
