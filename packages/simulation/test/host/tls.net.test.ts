import { systemClock, TlsClientContext, TlsTransport } from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { makeAuthority } from '../../../core/test/fixture/certificates.ts';

const authority = await makeAuthority('contract');
const own = await authority.sign('localhost');
const client = new TlsClientContext({ ca: authority.ca, servername: 'localhost' });
const runner = { describe, it, expect };
const tls = { ca: authority.ca, servername: 'localhost' };

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
