import { describe, expect, it } from 'vitest';
import { describeTransport } from '../../src/testing/transport-contract.ts';
import { MemoryNetwork } from '../../src/transport/memory-network.ts';

const network = new MemoryNetwork();

describeTransport(
  { describe, it, expect },
  {
    name: 'memory',
    bind: () => ({ network, name: 'contract' }),
    connect: () => ({ network, name: 'contract' }),
    nobody: () => ({ network, name: 'nobody' }),
    resets: true,
    transferBytes: 64 * 1024 * 1024,
  },
);
