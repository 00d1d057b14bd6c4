// The servers of the public test suites of Engine.IO and Socket.IO, with their settings:
// node benchmarks/servers/socket-io-suite.mjs PORT engine|socket
import { ServerBootstrap } from '@headrace/core';
import { EngineIo, SocketIo, SocketIoNamespace } from '@headrace/socket-io';
import { HttpEndpoint } from '@headrace/websocket';

const [port, protocol = 'socket'] = process.argv.slice(2);
const settings = { pingIntervalMs: 300, pingTimeoutMs: 200, maxPayloadBytes: 1_000_000 };

const engine = () =>
  new EngineIo({
    ...settings,
    session: (channel) =>
      channel.pipeline.addLast({
        channelRead: (ctx, message) => void ctx.write(message),
        channelReadComplete: (ctx) => ctx.flush(),
      }),
  });

const connection = (socket) => void socket.emit('auth', socket.handshake.auth);
const main = new SocketIoNamespace('/', {
  connection,
  events: {
    message: (socket, ...args) => void socket.emit('message-back', ...args),
    'message-with-ack': (_socket, ...args) => args.pop()(...args),
  },
});
const custom = new SocketIoNamespace('/custom', { connection });
const socket = () =>
  new SocketIo({ ...settings, connectTimeoutMs: 1000, namespaces: [main, custom] });

const sessions = protocol === 'engine' ? engine() : socket();
const endpoint = new HttpEndpoint({ sessions, allowOrigin: () => true });
await new ServerBootstrap()
  .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
  .bind({ port: Number(port) });
console.log('ready');
