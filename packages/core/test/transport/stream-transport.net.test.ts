import { once } from 'node:events';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { MemoryTransport, StreamTransport } from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { TransportDuplex } from '../../src/transport/transport-duplex.ts';
import { duplexPair } from '../fixture/duplex-pair.ts';

const runner = { describe, it, expect };

describeTransport(runner, {
  name: 'streams in memory',
  pair: () => {
    const [near, far] = duplexPair();
    return [new StreamTransport(near), new StreamTransport(far)];
  },
  resets: false,
});

describeTransport(runner, {
  name: 'any stream that is a socket',
  pair: async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const near = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [net.Socket];
    server.close();
    return [new StreamTransport(near), new StreamTransport(far)];
  },
  resets: false,
  transferBytes: 16 * 1024 * 1024,
});

describeTransport(runner, {
  name: 'a stream over a transport in memory',
  pair: () => {
    const [near, far] = MemoryTransport.pair();
    return [
      new StreamTransport(new TransportDuplex(near)),
      new StreamTransport(new TransportDuplex(far)),
    ];
  },
  resets: false,
});

describe('a StreamTransport', () => {
  it('refuses streams that do not carry bytes', () => {
    const [text] = duplexPair();
    text.setEncoding('utf8');
    expect(() => new StreamTransport(text)).toThrow(/setEncoding/);
    expect(() => new StreamTransport(new PassThrough({ objectMode: true }))).toThrow(/object mode/);
  });
});
