// A socket's queue shrinks by whole writes. The output's stall timer must see that a slow peer reads all the same.
import net from 'node:net';
import { expect, it } from 'vitest';
import { SocketTransport } from '../../src/transport/socket-transport.ts';
import type { TransportSink } from '../../src/transport/transport.ts';

const MIB = 1024 * 1024;

it('a large write shows its progress while the peer reads, and arrives whole', async () => {
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const accepted = new Promise<net.Socket>((done) => server.once('connection', done));
  const { port } = server.address() as net.AddressInfo;
  const transport = SocketTransport.connecting({ port, host: '127.0.0.1' }, undefined);
  const reported: string[] = [];
  const connected = new Promise<void>((done) => {
    const sink: Partial<TransportSink> = {
      connected: done,
      written: () => void reported.push('written'),
      failed: (error) => void reported.push(error.message),
      disconnected() {},
    };
    transport.open(sink as TransportSink);
  });
  await connected;
  const peer = await accepted;
  const bytes = 32 * MIB;
  expect(transport.write([Buffer.alloc(bytes, 'x')], bytes)).toBe(false);
  const before = transport.unsentBytes;
  let received = 0;
  const seen = new Set<number>();
  const whole = new Promise<void>((done) => {
    peer.on('data', (chunk) => {
      received += chunk.length;
      if (reported.length === 0) seen.add(transport.unsentBytes);
      if (received === bytes) done();
    });
  });
  peer.resume();
  await whole;
  expect(before).toBeGreaterThan(16 * MIB);
  expect(seen.size).toBeGreaterThan(4);
  while (reported.length === 0) await new Promise((turn) => setImmediate(turn));
  expect([reported, transport.unsentBytes]).toEqual([['written'], 0]);
  transport.close({ reason: 'local', by: 'local', error: undefined });
  peer.destroy();
  server.close();
});
