// WebSockets and HTTP on the same port.
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { silentLogger } from '@headrace/core';
import {
  HttpEndpoint,
  WEB_SOCKET_CLOSE,
  WEB_SOCKET_PROTOCOL,
  WebSocketBootstrap,
  WebSocketTextCodec,
} from '@headrace/websocket';
import { closeOf, echo, pause, serve, take } from './peers.mjs';

const quiet = { logger: silentLogger };

/** A server with a page and WebSockets that echo texts; `accepted` gets their channels. */
function serveWeb(options = {}, where = {}, accepted = () => {}) {
  const endpoint = new HttpEndpoint({
    request: (_request, response) => response.end('a page'),
    webSocket(channel) {
      accepted(channel);
      channel.pipeline.addLast(new WebSocketTextCodec(), echo);
    },
    ...options,
  });
  return serve(() => [endpoint.handler()], where, quiet);
}

function dialWeb(server, options = {}, scheme = 'ws', name = '127.0.0.1') {
  return new WebSocketBootstrap()
    .options({ ...quiet, ...options })
    .handler((channel) => void channel.pipeline.addLast(new WebSocketTextCodec()))
    .connect(`${scheme}://${name}:${server.port}/ws`);
}

export const webSocketTrials = {
  async 'a page over HTTP'() {
    const server = await serveWeb();
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    equal(await response.text(), 'a page');
    await server.close();
  },

  async 'several pages on one HTTP connection'() {
    const server = await serveWeb();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set();
    for (let i = 0; i < 3; i++) {
      const request = http.get({ host: '127.0.0.1', port: server.port, agent });
      const [response] = await once(request, 'response');
      sockets.add(request.socket);
      for await (const piece of response) equal(String(piece), 'a page');
      await pause(20);
    }
    agent.destroy();
    equal(sockets.size, 1);
    await server.close();
  },

  async 'WebSocket server and client'() {
    const server = await serveWeb({ subprotocols: ['chat.2'] });
    const client = await dialWeb(server, { subprotocols: ['chat.1', 'chat.2'] });
    client.writeAndFlush('hello');
    deepEqual(await take(client, 1), ['hello']);
    equal(client.attributes.get(WEB_SOCKET_PROTOCOL), 'chat.2');
    deepEqual(client.remoteAddress, { host: '127.0.0.1', port: server.port, family: 'IPv4' });
    await client.close();
    await server.close();
  },

  async '10,000 WebSocket messages in order'() {
    const server = await serveWeb();
    const client = await dialWeb(server);
    const received = take(client, 10_000);
    for (let i = 0; i < 10_000; i++) {
      client.write(`message ${i}`);
      if (client.isWritable) continue;
      client.flush();
      await new Promise((resolve) => client.onceWritable(resolve));
    }
    client.flush();
    deepEqual(
      await received,
      Array.from({ length: 10_000 }, (_, i) => `message ${i}`),
    );
    await server.close();
  },

  async 'a message that is too long closes with 1009'() {
    const server = await serveWeb({ maxMessageBytes: 100 });
    const client = await dialWeb(server);
    client.writeAndFlush('x'.repeat(101));
    await client.closed;
    equal(client.attributes.get(WEB_SOCKET_CLOSE).code, 1009);
    await server.close();
  },

  async 'too many fragments close with 1008'() {
    const server = await serveWeb({ maxFragments: 4 });
    const socket = net.connect(server.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('data', resolveOnClose(resolve)));
    socket.write(UPGRADE);
    const fragment = (first) => Buffer.from([first, 0x81, 1, 2, 3, 4, 0x61 ^ 1]);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write(
      Buffer.concat([fragment(0x01), ...Array.from({ length: 8 }, () => fragment(0x00))]),
    );
    equal(await closed, 1008);
    await server.close();
  },

  async 'a broken UTF-8 text closes with 1007'() {
    const server = await serveWeb();
    const socket = net.connect(server.port, '127.0.0.1');
    const closed = new Promise((resolve) => socket.on('data', resolveOnClose(resolve)));
    socket.write(UPGRADE);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]));
    equal(await closed, 1007);
    await server.close();
  },

  async 'a WebSocket with compression'() {
    const server = await serveWeb({ compression: { thresholdBytes: 1 } });
    const client = await dialWeb(server, { compression: { thresholdBytes: 1 } });
    const text = 'again and '.repeat(1000);
    client.writeAndFlush(text);
    deepEqual(await take(client, 1), [text]);
    await client.close();
    await server.close();
  },

  async 'a WebSocket over TLS'({ ca, localhost }) {
    const server = await serveWeb({}, { tls: localhost });
    const client = await dialWeb(server, { tls: { ca } }, 'wss', 'localhost');
    client.writeAndFlush('hello');
    deepEqual(await take(client, 1), ['hello']);
    await client.close();
    await server.close();
  },

  async 'a WebSocket of the runtime is served'() {
    if (globalThis.WebSocket === undefined) return; // Node 20
    const server = await serveWeb();
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
    socket.onopen = () => socket.send('hello');
    const text = await new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(data);
      socket.onerror = () => reject(new Error('the WebSocket failed'));
    });
    equal(text, 'hello');
    socket.close();
    await server.close();
  },

  async 'a refused WebSocket names its status'() {
    const server = await serveWeb({ authorize: () => ({ status: 401 }) });
    await rejects(dialWeb(server), { code: 'HR_ERR_CHANNEL_REFUSED' });
    await server.close();
  },

  async 'a drain ends WebSockets with 1001'() {
    let child;
    const server = await serveWeb({}, {}, (channel) => {
      child = channel;
    });
    const client = await dialWeb(server);
    const began = performance.now();
    await server.shutdown({ drainTimeoutMs: 5000 });
    equal(performance.now() - began < 2500, true);
    equal(await closeOf(child), 'shutdown by local');
    await client.closed;
    equal(client.attributes.get(WEB_SOCKET_CLOSE).code, 1001);
  },

  async 'a WebSocket that is cut off is reported as reset'() {
    let child;
    const server = await serveWeb({}, {}, (channel) => {
      child = channel;
    });
    const client = await dialWeb(server);
    child.parent.abort();
    equal(await closeOf(client), 'reset by peer');
    await server.close();
  },
};

const UPGRADE = [
  'GET /ws HTTP/1.1',
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n',
].join('\r\n');

/** Looks for a close frame that comes alone, as the first bytes of a chunk. */
function resolveOnClose(resolve) {
  return (data) => {
    if (data[0] === 0x88) resolve(data.readUInt16BE(2));
  };
}
