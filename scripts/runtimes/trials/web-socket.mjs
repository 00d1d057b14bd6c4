// WebSockets and HTTP on the same port.
import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { silentLogger } from '@headrace/core';
import {
  HttpEndpoint,
  WEB_SOCKET_PROTOCOL,
  WebSocketBootstrap,
  WebSocketTextCodec,
} from '@headrace/websocket';
import { echo, pause, serve, take } from './peers.mjs';

const quiet = { logger: silentLogger };

/** A server with a page and WebSockets that echo texts. */
function serveWeb(options = {}, where = {}) {
  const endpoint = new HttpEndpoint({
    request: (_request, response) => response.end('a page'),
    webSocket(channel) {
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
};
