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
import { describeTransport } from '@headrace/core/testing';
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
