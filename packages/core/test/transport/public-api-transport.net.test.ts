// The same promises without Node's internals, as on a Node that has none to offer.
import { describe, expect, it } from 'vitest';

process.env.HEADRACE_PUBLIC_API_ONLY = '1';
const { describeTransport } = await import('../../src/testing/transport-contract.ts');
const { streamInternals } = await import('../../src/transport/stream-handle.ts');

describe('the fallback', () => {
  it('is what these tests run on', () => expect(streamInternals).toBeUndefined());
});

describeTransport(
  { describe, it, expect },
  {
    name: 'tcp by public API',
    bind: () => ({ port: 0, host: '127.0.0.1' }),
    connect: (server) => ({ port: server.port, host: '127.0.0.1' }),
    nobody: () => ({ port: 1, host: '127.0.0.1' }),
    resets: true,
    transferBytes: 16 * 1024 * 1024,
  },
);
