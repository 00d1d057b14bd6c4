// Echo behind TLS, against a server written by hand on node:tls.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { compareEcho } from './echo.ts';
import { nodePeer } from './harness/peers.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

export async function tlsEcho(settings: Settings): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'));
  try {
    const pair = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 });
    writeFileSync(join(folder, 'key.pem'), pair.private);
    writeFileSync(join(folder, 'cert.pem'), pair.cert);
    const more = { rest: [folder], protocol: 'tls' } as const;
    const peers = [nodePeer(HEADRACE, 'tls.mjs', more), nodePeer('net tls', 'tls-net.mjs', more)];
    const goals = [{ text: 'of a server on node:tls', to: 'net tls', atMost: 1.15 }];
    const works = [
      { connections: 50, depth: 16, bytes: 64, goals },
      { connections: 50, depth: 1, bytes: 64, goals },
    ];
    return await compareEcho(peers, works, settings, 'TLS echo');
  } finally {
    rmSync(folder, { recursive: true });
  }
}
