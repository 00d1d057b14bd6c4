// Echo behind TLS, against a server written by hand on node:tls.
import { rmSync } from 'node:fs';
import { compareEcho } from './echo.ts';
import { certificateFolder } from './harness/certificate.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

export async function tlsEcho(settings: Settings): Promise<Result[]> {
  const folder = await certificateFolder();
  try {
    const more = { rest: [folder], protocol: 'tls' } as const;
    const peers = [nodePeer(HEADRACE, 'tls.mjs', more), nodePeer('net tls', 'tls-net.mjs', more)];
    const goals = [{ text: 'of a server on node:tls', to: 'net tls', atMost: 1 }];
    const works = [
      { connections: 50, depth: 16, bytes: 64, goals },
      { connections: 50, depth: 1, bytes: 64, goals },
    ];
    return await compareEcho(peers, works, settings, 'TLS echo');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
