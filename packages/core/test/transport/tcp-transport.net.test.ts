import { describe, expect, it } from 'vitest';
import { describeTransport } from '../../src/testing/transport-contract.ts';

describeTransport(
  { describe, it, expect },
  {
    name: 'tcp',
    bind: () => ({ port: 0, host: '127.0.0.1' }),
    connect: (server) => ({ port: server.port, host: '127.0.0.1' }),
    nobody: () => ({ port: 1, host: '127.0.0.1' }),
    resets: true,
    transferBytes: 64 * 1024 * 1024,
  },
);
