import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import { figures, noteFigures } from '../../../core/test/fixture/figure.ts';
import { type DelayFigures, LoadedNodes, type LoadReport } from './loaded-nodes.ts';
import type { NodeProcess } from './node-process.ts';

const MIB = 1024 * 1024;
const QUIET_MS = 2000;
const SETTLE_MS = 700;
/** A member of the sender's node waits no longer than this, over what one of a node without a bus waits meanwhile. */
const MAX_P99_MS = 50;
/** When it is back, everything that all nodes kept comes at once; a busy machine makes it longer. */
const MAX_BURST_MS = 1500;
/** What is kept for a bus that is away, and what its client holds. */
const MAX_AWAY_MIB = 6;
const MAX_GROWTH_MIB = 2;
const BOUNDS = {
  'p99 ms beyond a lonely node': { below: MAX_P99_MS },
  'burst ms': { below: MAX_BURST_MS },
  'held away MiB': { below: MAX_AWAY_MIB },
  'grown MiB': { below: MAX_GROWTH_MIB },
};

interface Away {
  readonly name: string;
  readonly outageMs: number;
  begin(server: BusServer): Promise<void> | void;
  end(server: BusServer): Promise<void> | void;
}

const killed = (outageMs: number): Away => ({
  name: 'killed',
  outageMs,
  begin: (server) => server.kill(),
  end: (server) => server.start(),
});
const stopped = (outageMs: number): Away => ({
  name: 'stopped',
  outageMs,
  begin: (server) => server.stop(),
  end: (server) => server.continue(),
});

/** Longer than anything is kept; the one that is away for 10 s is NATS, for the sake of the time all this takes. */
const engines = [
  { kind: 'nats', program: NATS_SERVER, outageMs: 10_000 },
  { kind: 'redis', program: REDIS_SERVER, outageMs: 6000 },
] as const;

let server: BusServer | undefined;
let nodes: LoadedNodes | undefined;
/** A node without a bus, under the same load: what it waits, this machine makes it wait. */
let alone: NodeProcess | undefined;

async function endAll(): Promise<void> {
  await nodes?.end();
  await alone?.kill();
  await server?.end();
}

afterEach(endAll);

for (const { kind, program, outageMs } of engines) {
  const absent = missing(program);
  describe.runIf(absent === '')(`${kind}, away under load${absent}`, () => {
    for (const away of [killed(outageMs), stopped(outageMs)]) {
      const title = `${away.name} for ${outageMs / 1000} s: no member here misses or waits, every loss is counted`;
      const measure = async () => {
        await endAll();
        server = await BusServer.start(program);
        nodes = new LoadedNodes();
        await nodes.start({ kind, port: server.port });
        alone = await nodes.startAlone();
        await expect.poll(() => nodes!.areTogether(), { timeout: 60_000 }).toBe(true);
        await alone.ask('startLoad');
        await nodes.all('startLoad');
        await delay(QUIET_MS);
        const quiet = await delaysOf(nodes);
        const before = await memoryOf(nodes);
        // A forced collection makes what comes after it slow, for much of the code is gone.
        await delay(SETTLE_MS);
        await delaysOf(nodes);
        await localOf(alone);

        await away.begin(server);
        await delay(away.outageMs);
        const outage = await delaysOf(nodes);
        const meanwhile = await localOf(alone);
        const during = await memoryOf(nodes);
        await away.end(server);
        await expect.poll(() => nodes!.areTogether(), { timeout: 60_000 }).toBe(true);
        await proveSubscriptions(nodes);
        await nodes.all('stopLoad');
        const back = await delaysOf(nodes);
        await expect.poll(() => nodes!.haveAllLasts(), { timeout: 60_000 }).toBe(true);
        // What came twice would come a little later.
        await delay(500);
        const after = await memoryOf(nodes);
        const { real, told } = await nodes.losses();
        const reports = await nodes.all<LoadReport>('report');
        const found = {
          p99: { quiet: quiet.p99, outage: outage.p99, alone: meanwhile.p99, back: back.p99 },
          max: { quiet: quiet.max, outage: outage.max, alone: meanwhile.max, back: back.max },
          lost: { real, told },
          published: reports.map(({ published }) => published),
          mib: { before, during, after },
        };
        noteFigures(`${kind} ${away.name}`, found);
        const text = JSON.stringify(found);
        for (const [place, { written, faults, heard }] of reports.entries()) {
          expect(faults).toBe(0);
          expect(heard[place], text).toEqual({ first: written, last: written, missed: 0 });
          for (const { first, last } of heard) expect(first).toBe(last);
          // The last message of each came: what is missing is in between.
          const lasts = heard.map(({ last }) => last);
          expect(lasts).toEqual(reports.map((report) => report.written));
        }
        expect(Math.min(...told), text).toBeGreaterThan(0);
        expect(told, text).toEqual(real);
        return {
          'p99 ms beyond a lonely node': outage.p99 - meanwhile.max,
          'burst ms': back.max,
          'held away MiB': Math.max(...before.map((mib, i) => during[i]! - mib)),
          'grown MiB': Math.max(...before.map((mib, i) => after[i]! - mib)),
        };
      };
      it(title, () => figures(`${kind} ${away.name} under load`, BOUNDS, measure));
    }
  });
}

/** In MiB, of each node. */
async function memoryOf(all: LoadedNodes): Promise<number[]> {
  const bytes = await all.all<number>('memory');
  return bytes.map((one) => one / MIB);
}

async function localOf(node: NodeProcess): Promise<DelayFigures> {
  return (await node.ask<{ local: DelayFigures }>('delays')).local;
}

/** The middle node's: a bus that is away is so for all, and what holds up one of them is this machine. */
async function delaysOf(all: LoadedNodes): Promise<DelayFigures> {
  const delays = await Promise.all(all.nodes.map(localOf));
  const sorted = delays.sort((one, other) => one.p99 - other.p99);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** A message of each node comes to each group and each user of the others. */
async function proveSubscriptions(all: LoadedNodes): Promise<void> {
  const { nodes: count, groups, users } = all.sizes;
  await all.all('prove', { round: 1 });
  const proved = (count - 1) * (groups + users);
  await expect
    .poll(() => all.all<number>('proved', { round: 1 }), { timeout: 60_000 })
    .toEqual(all.nodes.map(() => proved));
}
