import {
  MemoryNetwork,
  MemoryTransport,
  StreamTransport,
  systemClock,
  TlsClientContext,
  TlsServerContext,
  TlsTransport,
  type Transport,
} from '@headrace/core';
import { describeTransport, Simulation } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { makeAuthority } from '../fixture/certificates.ts';
import { duplexPair } from '../fixture/duplex-pair.ts';

const authority = await makeAuthority('contract');
const own = await authority.sign('localhost');
const server = new TlsServerContext(own);
const client = new TlsClientContext({ ca: authority.ca, servername: 'localhost' });
const runner = { describe, it, expect };
const network = new MemoryNetwork();
const tls = { ca: authority.ca, servername: 'localhost' };

const secure = (near: Transport, far: Transport): [Transport, Transport] => [
  new TlsTransport(near, client, systemClock),
  new TlsTransport(far, server, systemClock),
];

describeTransport(runner, {
  name: 'tls in a memory network',
  bind: () => ({ network, name: 'secure', tls: own }),
  connect: () => ({ network, name: 'secure', tls }),
  nobody: () => ({ network, name: 'nobody', tls }),
  resets: true,
});

describeTransport(runner, {
  name: 'tls over a transport without detach',
  pair: () => secure(...MemoryTransport.pair()),
  resets: true,
});

describeTransport(runner, {
  name: 'tls over any stream',
  pair: () => {
    const [near, far] = duplexPair();
    return secure(new StreamTransport(near), new StreamTransport(far));
  },
  resets: false,
});

describeTransport(runner, {
  name: 'tls over tls',
  pair: () => secure(...secure(...MemoryTransport.pair())),
  resets: true,
});

describe('TLS over a simulated network', () => {
  const sim = new Simulation({ seed: 1 });
  const host = sim.host('server', () => {});
  const other = sim.host('client', () => {});
  sim.runFreely();

  describeTransport(runner, {
    name: 'tls in a simulation',
    bind: () => ({ network: host, port: 0, tls: own }),
    connect: ({ port }) => ({ network: other, host: 'server', port: port!, tls }),
    nobody: () => ({ network: other, host: 'server', port: 1, tls }),
    resets: true,
  });

  it('knows what the peer has not acknowledged, as the transport below does', () => {
    const probes = { keepAliveInitialDelayMs: 0, keepAliveIntervalMs: 1000, keepAliveCount: 10 };
    const options = { keepAlive: false, ...probes };
    const inner = other.connectTo('server', 1, options);
    expect(inner.unacknowledgedBytes).toBe(0);
    expect(new TlsTransport(inner, client, systemClock).unacknowledgedBytes).toBe(0);
  });
});
