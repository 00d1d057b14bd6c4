import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { type Server, silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../../packages/core/test/fixture/free-port.ts';
import { startForwarder } from '../src/port-forwarder.ts';

const ends: (() => unknown)[] = [];
const host = '127.0.0.1';

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server behind the forwarder, and the forwarder's port. */
async function forwarded(serve: (socket: net.Socket) => void): Promise<Server> {
  const target = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    ends.push(() => socket.destroy());
    serve(socket);
  });
  target.listen(0, host);
  await once(target, 'listening');
  ends.push(() => target.close());
  const { port } = target.address() as net.AddressInfo;
  return forward(port);
}

async function forward(port: number): Promise<Server> {
  const server = await startForwarder({ port: 0, to: { host, port }, logger: silentLogger });
  ends.push(() => server.close());
  return server;
}

function connect(server: Server, allowHalfOpen = true): net.Socket {
  const socket = net.connect({ host, port: server.port, allowHalfOpen });
  ends.push(() => socket.destroy());
  return socket;
}

/** All bytes up to the peer's end; iterating over the socket would close the other half, too. */
function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => socket.on('end', () => resolve(Buffer.concat(chunks))));
}

describe('the port forwarder', () => {
  it('passes bytes both ways, and the end of each half after its last byte', async () => {
    const server = await forwarded((socket) => {
      void readAll(socket).then((bytes) => {
        socket.end(`got ${bytes.length}: ${createHash('sha1').update(bytes).digest('hex')}`);
      });
    });
    const client = connect(server);
    const bytes = randomBytes(3_000_000);
    client.end(bytes);
    const answer = String(await readAll(client));
    expect(answer).toBe(`got 3000000: ${createHash('sha1').update(bytes).digest('hex')}`);
  });

  it('lets the server speak first', async () => {
    const server = await forwarded((socket) => void socket.write('220 ready\r\n'));
    const [greeting] = (await once(connect(server), 'data')) as [Buffer];
    expect(String(greeting)).toBe('220 ready\r\n');
  });

  it('reads no faster from one side than the other side takes', async () => {
    let sent = 0;
    const block = Buffer.alloc(64 * 1024);
    const server = await forwarded((socket) => {
      const write = (): void => {
        while (sent < 64 * 1024 * 1024 && socket.write(block)) sent += block.length;
      };
      socket.on('drain', write);
      write();
    });
    const client = connect(server);
    client.pause();
    await once(client, 'connect');
    let before = -1;
    // The kernel's buffers fill up, then nothing moves any more.
    while (sent !== before) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    for (const channel of server.connections) {
      expect(channel.pendingOutboundBytes).toBeLessThan(512 * 1024);
    }
  });

  it('carries a reset over as a reset', async () => {
    let reset: Promise<unknown[]> | undefined;
    const server = await forwarded((socket) => {
      reset = new Promise((resolve) => socket.on('error', (error) => resolve([error])));
      socket.write('hello');
    });
    const client = connect(server);
    await once(client, 'data');
    client.resetAndDestroy();
    const [error] = (await reset) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('closes the client when no server listens there, and when the server resets', async () => {
    const client = connect(await forward(await freePort()), false);
    client.on('error', () => {});
    await once(client.resume(), 'close');

    const server = await forwarded((socket) => socket.resetAndDestroy());
    const other = connect(server, false);
    other.on('error', () => {});
    await once(other.resume(), 'close');
    await expect.poll(() => server.connections.size).toBe(0);
  });
});
