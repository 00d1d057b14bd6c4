// The broadcast chat on three nodes: `npm run cluster-chat`, then open the page in two windows, or `nc 127.0.0.1 18888`.
// Kill a node, and see who notices. CLUSTER_BUS=nats://127.0.0.1:4222 or redis://127.0.0.1:6379 joins other machines.
import cluster from 'node:cluster';
import { routeServer } from '@headrace/cluster';
import type { HeadraceError } from '@headrace/core';
import { freePort } from '@headrace/workers';
import { loadSettings } from 'headrace-example-chat-showcase';
import { busTrouble, chatBus } from './chat-bus.ts';
import { startChatNode } from './chat-node.ts';
import { clusterSettings } from './cluster-settings.ts';
import { PositionsHandler } from './positions-handler.ts';
import { runNodes } from './run-nodes.ts';

const NODES = 3;
/** A bus that did not answer is tried again. */
const RETRY_DELAY_MS = 5000;
/** Set by the first process for its workers. */
const BUS_IN_USE = 'CLUSTER_BUS_IN_USE';

// A reader of the output may end, as `head` does: the server goes on.
process.stdout.on('error', () => {});
try {
  const { argv, env } = process;
  const settings = loadSettings({ file: argv[2] ?? env['SETTINGS_FILE'], env });
  const { bus, routePort } = clusterSettings(env);
  if (cluster.isPrimary) {
    env['NETTY_TCP_PORT'] = String(await freePort(settings.host, settings.port));
    env['ROUTE_PORT'] = String(await freePort(settings.host, routePort));
    await chooseBus(bus);
  }
  const workers = await runNodes({
    count: NODES,
    print: console.log,
    start: async ({ generation }) => {
      const address = env[BUS_IN_USE] === 'process' ? undefined : bus;
      return startChatNode({
        settings,
        bus: await chatBus(address),
        isLate: generation > 1 || address !== undefined,
        furtherCommands: (ground) => (room) => [new PositionsHandler(ground, room)],
        beside: (node) => routeServer({ cluster: node, host: settings.host, port: routePort }),
      });
    },
  });
  console.log(`route http://${settings.host}:${env['ROUTE_PORT']}/route`);
  if (bus !== undefined && env[BUS_IN_USE] === 'process') goOverLater(bus, () => workers.restart());
} catch (error) {
  const { message, details } = error as HeadraceError;
  const cure =
    details?.['code'] === 'EADDRINUSE' ? '; NETTY_TCP_PORT=0 and ROUTE_PORT=0 pick free ones' : '';
  console.error(`cluster-chat: ${message}${cure}`);
  process.exit(1);
}

/** All nodes must meet on the same bus: the first process decides. */
async function chooseBus(bus: string | undefined): Promise<void> {
  const trouble = bus && (await busTrouble(bus));
  process.env[BUS_IN_USE] = bus === undefined || trouble !== undefined ? 'process' : 'setting';
  if (trouble !== undefined) {
    console.error(
      `cluster-chat: CLUSTER_BUS does not answer (${trouble}): the ${NODES} nodes serve this machine alone until it does`,
    );
  }
}

/** Moves the nodes to the bus once it answers, one by one. */
function goOverLater(bus: string, restart: () => void): void {
  setTimeout(async () => {
    if ((await busTrouble(bus)) !== undefined) return goOverLater(bus, restart);
    process.env[BUS_IN_USE] = 'setting';
    console.error('cluster-chat: CLUSTER_BUS answers: the nodes go over to it, one by one');
    restart();
  }, RETRY_DELAY_MS).unref();
}
