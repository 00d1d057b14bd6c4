// TCP and Unix sockets, how they end, back-pressure.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lengthPrefixed, StringCodec } from '@headrace/codec';
import { channelStreams, DrainEvent, ServerBootstrap, silentLogger } from '@headrace/core';
import { IdleCloseHandler, IdleStateHandler } from '@headrace/handlers';
import { closeOf, dial, echo, nextChild, pause, serve, sink, take } from './peers.mjs';

const MESSAGES = 10_000;
const framed = () => [...lengthPrefixed({ maxFrameLength: 4096 }), new StringCodec()];

/** A socket of the runtime's own, connected to the server. */
async function plainSocket(server) {
  const socket = net.connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

export const socketTrials = {
  async 'echo over TCP'() {
    const server = await serve(() => [echo]);
    const client = await dial(server);
    await client.writeAndFlush(Buffer.from('hello'));
    equal(String(await take(client, 1)), 'hello');
    deepEqual(client.remoteAddress, { host: '127.0.0.1', port: server.port, family: 'IPv4' });
    await client.close();
    equal(await closeOf(client), 'local by local');
    await server.close();
  },

  async 'echo over a Unix socket'() {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-trial-'));
    const path = join(folder, 'socket');
    try {
      const server = await serve(() => [echo], { path });
      const client = await dial(server, () => [], { path });
      await client.writeAndFlush(Buffer.from('hello'));
      equal(String(await take(client, 1)), 'hello');
      deepEqual(server.address, { path });
      await client.close();
      await server.close();
      ok(!existsSync(path), 'the file of the socket is still there');
    } finally {
      rmSync(folder, { recursive: true });
    }
  },

  async '10,000 messages in order, with back-pressure'() {
    let paused = 0;
    const text = 'x'.repeat(200);
    const server = await serve(() => [...framed(), echo]);
    const client = await dial(server, framed);
    const received = take(client, MESSAGES);
    for (let i = 0; i < MESSAGES; i++) {
      client.write(`${i}:${text}`);
      if (client.isWritable) continue;
      paused += 1;
      client.flush();
      await new Promise((resolve) => client.onceWritable(resolve));
    }
    client.flush();
    const messages = await received;
    ok(
      messages.every((message, i) => message === `${i}:${text}`),
      'not in order',
    );
    ok(paused > 0, 'was writable all the time');
    await server.close();
  },

  async 'held reads stop the peer'() {
    const server = await serve(() => [], {}, { autoRead: false });
    const accepted = nextChild(server);
    const client = await dial(server, () => [], {}, { maxOutboundBytes: Number.POSITIVE_INFINITY });
    await accepted;
    const block = Buffer.alloc(1024 * 1024);
    // More than both kernels hold: while nobody reads, it cannot all leave.
    for (let i = 0; i < 32; i++) client.writeAndFlush(block);
    await pause(300);
    ok(client.pendingOutboundBytes > 8 * block.length, 'everything left, nobody reads');
    await server.close();
  },

  async 'a reset by the peer is reported as reset'() {
    const server = await serve(() => [sink]);
    const accepted = nextChild(server);
    const socket = await plainSocket(server);
    socket.write('x');
    const child = await accepted;
    await pause(100);
    socket.resetAndDestroy();
    equal(await closeOf(child), 'reset by peer');
    await server.close();
  },

  async 'a client reports a reset of the server'() {
    const server = await serve(() => [{ channelRead: (ctx) => void ctx.channel.abort() }]);
    const client = await dial(server);
    client.writeAndFlush(Buffer.from('x'));
    equal(await closeOf(client), 'reset by peer');
    await server.close();
  },

  async 'abort sends a reset'() {
    const server = await serve(() => [{ channelRead: (ctx) => void ctx.channel.abort() }]);
    const socket = await plainSocket(server);
    socket.removeAllListeners('error');
    const failed = once(socket, 'error');
    socket.resume();
    socket.write('x');
    equal((await failed)[0].code, 'ECONNRESET');
    await server.close();
  },

  async 'half-close: the answer follows the end of the input'() {
    const server = await serve(
      () => [
        {
          channelRead() {},
          channelShutdown(ctx, direction) {
            if (direction !== 'input') return;
            ctx.writeAndFlush(Buffer.from('the rest'));
            ctx.close();
          },
        },
      ],
      {},
      { allowHalfOpen: true },
    );
    const socket = await plainSocket(server);
    socket.end('question');
    const [data] = await once(socket, 'data');
    equal(String(data), 'the rest');
    await server.close();
  },

  async 'the end of the peer is reported as peer'() {
    const server = await serve(() => []);
    const accepted = nextChild(server);
    const socket = await plainSocket(server);
    const child = await accepted;
    socket.end();
    equal(await closeOf(child), 'peer by peer');
    await server.close();
  },

  async 'a drain: last words, then the end'() {
    const goodbye = {
      userEventTriggered(ctx, event) {
        if (event instanceof DrainEvent) event.lastWord(() => ctx.writeAndFlush('BYE'));
        ctx.fireUserEventTriggered(event);
      },
    };
    const server = await serve(() => [...framed(), goodbye]);
    const accepted = nextChild(server);
    const client = await dial(server, framed);
    const words = take(client, 1);
    const child = await accepted;
    const began = performance.now();
    await server.shutdown({ drainTimeoutMs: 5000 });
    ok(performance.now() - began < 2500, 'waited for the end of the time');
    deepEqual(await words, ['BYE']);
    equal(await closeOf(child), 'shutdown by local');
    equal(await closeOf(client), 'peer by peer');
  },

  async 'an idle connection is closed'() {
    const server = await serve(() => [
      new IdleStateHandler({ readerIdleMs: 100 }),
      new IdleCloseHandler(),
    ]);
    const accepted = nextChild(server);
    const client = await dial(server);
    equal(await closeOf(await accepted), 'idle by local');
    equal(await closeOf(client), 'peer by peer');
    await server.close();
  },

  async 'a handler that throws closes its channel only'() {
    const bad = { channelRead: () => JSON.parse('{') };
    const server = await serve(() => [bad], {}, { logger: silentLogger });
    const accepted = nextChild(server);
    const client = await dial(server);
    client.writeAndFlush(Buffer.from('x'));
    equal((await (await accepted).closed).reason, 'error');
    ok(server.channel.isOpen);
    await server.close();
  },

  async 'channels as web streams'() {
    const server = await new ServerBootstrap()
      .childOptions({ allowHalfOpen: true })
      .childHandler((channel) => {
        const { readable, writable } = channelStreams(channel);
        void readable.pipeTo(writable);
      })
      .bind({ host: '127.0.0.1', port: 0 });
    const client = await dial(server);
    await client.writeAndFlush(Buffer.from('there and back'));
    equal(String(await take(client, 1)), 'there and back');
    await client.end();
    await client.closed;
    await server.close();
  },

  async 'errors of connect and bind name their cause'() {
    const server = await serve(() => []);
    const { port } = server;
    await rejects(
      serve(() => [], { port }),
      { code: 'HR_ERR_BIND_FAILED' },
    );
    await server.close();
    await rejects(dial({ port }), { code: 'HR_ERR_CHANNEL_REFUSED' });
  },
};
