// Echo on Bun: its own sockets against its `node:net`, and against Node. The load runs on Node, and Bun is the one that
// `npm run check:runtimes` has installed.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compareEcho } from './echo.ts';
import { nodePeer, ON_SOCKETS } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Peer } from './harness/server-process.ts';
import type { Settings } from './settings.ts';

const scope = fileURLToPath(new URL('../scripts/bun-and-deno/node_modules/@oven', import.meta.url));
const servers = fileURLToPath(new URL('servers/', import.meta.url));

const ON_NODE_NET = "on Bun's node:net";
const ON_NODE = 'on Node, handles';

export async function runtimes(settings: Settings): Promise<Result[]> {
  const bun = installedBun();
  if (bun === undefined) {
    console.log('skip  runtimes: no Bun, which `npm run check:runtimes` installs');
    return [];
  }
  const onBun = (name: string, file: string, more: Partial<Peer> = {}): Peer => ({
    name,
    command: [bun, join(servers, file)],
    ...more,
  });
  const peers = [
    onBun(HEADRACE, 'echo.mjs'),
    onBun(ON_NODE_NET, 'echo.mjs', { env: ON_SOCKETS.env! }),
    nodePeer(ON_NODE, 'echo.mjs'),
    nodePeer('on Node, sockets', 'echo.mjs', { env: ON_SOCKETS.env! }),
    onBun('hand-tuned, Bun', 'echo-net-hand-tuned.mjs'),
    nodePeer('hand-tuned, Node', 'echo-net-hand-tuned.mjs'),
  ];
  const goals = [{ text: "of Headrace on Bun's node:net", to: ON_NODE_NET, atMost: 1 }];
  const works = [1, 16, 64].map((depth) => ({ connections: 50, depth, bytes: 64, goals }));
  return await compareEcho(peers, works, settings, 'echo on Bun');
}

function installedBun(): string | undefined {
  const [platform] = existsSync(scope) ? readdirSync(scope) : [];
  return platform && join(scope, platform, 'bin', 'bun');
}
