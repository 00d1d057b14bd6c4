import { once } from 'node:events';
import net from 'node:net';
import { textLines } from '@headrace/codec';
import { type Channel, type Handler, type Server, ServerBootstrap } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { EchoHandler } from '../../src/echo/echo-handler.ts';

let server: Server;

afterEach(() => server.close());

async function connect(handlers: () => Handler[]): Promise<{ child: Channel; socket: net.Socket }> {
  server = await new ServerBootstrap()
    .childHandler((channel: Channel) => {
      for (const handler of handlers()) channel.pipeline.addLast(handler);
    })
    .bind({ host: '127.0.0.1', port: 0 });
  const accepted = new Promise<Channel>((resolve) => server.once('connection', resolve));
  const socket = net.connect({ host: '127.0.0.1', port: server.port });
  await once(socket, 'connect');
  return { child: await accepted, socket };
}

/** Sends to a server whose answers nobody reads, until it cannot answer any more. */
async function fill(child: Channel, socket: net.Socket, bytes: Buffer): Promise<void> {
  socket.pause();
  socket.write(bytes);
  while (child.isWritable) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('EchoHandler on a socket', () => {
  it('stops reading from a peer that does not read, and gives it everything later', async () => {
    const { child, socket } = await connect(() => [new EchoHandler()]);
    const sent = Buffer.alloc(32 * 1024 * 1024);
    for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
    await fill(child, socket, sent);
    expect(socket.writableLength).toBeGreaterThan(0);
    expect(child.pendingOutboundBytes).toBeLessThan(256 * 1024);

    const got: Buffer[] = [];
    let bytes = 0;
    socket.on('data', (chunk) => {
      got.push(chunk);
      bytes += chunk.length;
      if (bytes === sent.length) socket.end();
    });
    socket.resume();
    await once(socket, 'end');
    expect(Buffer.concat(got).equals(sent)).toBe(true);
  });

  it('never runs into the output limit, however small and many the messages are', async () => {
    const reply = (line: string) => `ECHO:${'x'.repeat(200)}${line}`;
    const { child, socket } = await connect(() => [...textLines(), new EchoHandler({ reply })]);
    const lines = 100_000;
    const answered = lines * (reply('').length + 1);
    await fill(child, socket, Buffer.from('\n'.repeat(lines)));
    expect(child.isOpen).toBe(true);
    expect(child.pendingOutboundBytes).toBeLessThan(256 * 1024);

    let bytes = 0;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes === answered) socket.end();
    });
    socket.resume();
    await once(socket, 'end');
    expect(bytes).toBe(answered);
  });
});
