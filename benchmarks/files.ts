// A file to each connection, beside a stream of Node's that is piped into the socket.
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateFolder } from './harness/certificate.ts';
import { type ComparedLoad, compareLoads } from './harness/compare-loads.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const FILE_BYTES = 100 * 1024 * 1024;
const CONNECTIONS = 4;

export async function files(settings: Settings): Promise<Result[]> {
  const folder = await certificateFolder();
  try {
    const path = join(folder, 'file');
    writeFileSync(path, randomBytes(FILE_BYTES));
    const plain = await compareFiles('plain', { rest: [path] }, settings);
    const tls = await compareFiles(
      'TLS',
      { rest: [path, 'all', folder], protocol: 'tls' },
      settings,
    );
    return [...plain, ...tls];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compareFiles(
  name: string,
  more: Parameters<typeof nodePeer>[2],
  settings: Settings,
): Promise<Result[]> {
  const peers = [nodePeer(HEADRACE, 'file.mjs', more), nodePeer('pipe', 'file-net.mjs', more)];
  const load: ComparedLoad = {
    title: `file of 100 MiB to ${CONNECTIONS} connections, ${name}`,
    unit: "server's CPU, us per MiB",
    script: 'file-load',
    load: { connections: CONNECTIONS },
    goals: [{ text: 'of createReadStream and pipe', to: 'pipe', atMost: 1 }],
  };
  return compareLoads(peers, [load], settings);
}
