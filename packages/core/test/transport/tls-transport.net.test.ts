import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { makeAuthority } from '../fixture/certificates.ts';

const authority = await makeAuthority('contract');
const own = await authority.sign('localhost', '127.0.0.1');
const tls = { ca: authority.ca };

for (const transport of ['auto', 'socket'] as const) {
  describeTransport(
    { describe, it, expect },
    {
      name: `tls, transport ${transport}`,
      bind: () => ({ port: 0, host: '127.0.0.1', tls: own, transport }),
      connect: (server) => ({ port: server.port, host: '127.0.0.1', tls }),
      nobody: () => ({ port: 1, host: '127.0.0.1', tls }),
      resets: true,
      transferBytes: 64 * 1024 * 1024,
    },
  );
}
