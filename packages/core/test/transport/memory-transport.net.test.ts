import { MemoryNetwork } from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

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
