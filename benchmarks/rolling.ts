// Ten servers of 5,000 clients are replaced one after the other, in virtual time: how long is a client without a connection, how
// many connections come at once, and how even are they afterwards? The figures do not depend on the machine.
import { EvenConnections, type NodeInfo } from '@headrace/cluster';
import {
  type Replacement,
  type RollingRestart,
  rollingRestart,
} from '../packages/client/test/retry/rolling-restart.ts';
import { HEADRACE, type Result } from './harness/report.ts';

const CLIENTS = 5000;
const SERVERS = 10;
const EVEN_MS = 60_000;

/** The ways to replace servers. */
const WAYS: readonly (readonly [string, Replacement, boolean])[] = [
  ['at their places, one by one', 'in place', false],
  ['the same, then EvenConnections for a minute', 'in place', true],
  ['all new ones ready first', 'new ones first', false],
];

export async function rolling(): Promise<Result[]> {
  const results: Result[] = [];
  for (const [way, replacement, isEvened] of WAYS) {
    const figures = await replaced(replacement, isEvened);
    const of = (title: string, unit: string, value: number, atMost?: number): Result => ({
      title: `${title}: ${way}`,
      unit,
      rows: [{ peer: HEADRACE, values: [value] }],
      goals: atMost === undefined ? [] : [{ text: `${title}, ${way}`, atMost }],
    });
    const { longestMs, peak, losses, sizes } = figures;
    const ratio = Math.max(...sizes) / Math.max(1, Math.min(...sizes));
    const isEven = isEvened || replacement === 'new ones first';
    results.push(
      of('longest time without a connection', 'ms', longestMs, 1000),
      of('most connects in 100 ms', 'connects', peak, 150),
      of('reconnects of a client', 'on average', losses.mean),
      of('most connections of a server by fewest', 'times', ratio, isEven ? 1.5 : undefined),
    );
  }
  return results;
}

function replaced(replacement: Replacement, isEvened: boolean): Promise<RollingRestart> {
  return rollingRestart({
    clients: CLIENTS,
    servers: SERVERS,
    replacement,
    ...(isEvened && {
      afterwards: async ({ servers, clock, pass }) => {
        const all = [...servers.values()];
        const evens = all.map((server, i) => {
          const cluster = {
            get nodes() {
              return [server, ...all.filter((other) => other !== server)].map(nodeOf);
            },
          };
          const sendOn = (count: number) => server.sendOn(count);
          return new EvenConnections({ cluster, sendOn, clock, random: () => i / SERVERS });
        });
        await pass(EVEN_MS);
        for (const even of evens) even.stop();
      },
    }),
  });
}

function nodeOf({ connections }: { readonly connections: { readonly size: number } }): NodeInfo {
  const address = { host: 'a.example', port: 1 };
  const life = 'alive' as const;
  return {
    id: '',
    life,
    state: 'ready',
    address,
    connections: connections.size,
    load: 0,
    roles: [],
  };
}
