// Both ends of calls over one TCP connection, in this process: node benchmarks/load/call-load.mjs PEER, forked.
// For each message { depth, rounds } it makes that many calls and sends back the CPU time, in microseconds per call; with
// `items`, it reads one stream of that many.
import assert from 'node:assert';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import grpc from '@grpc/grpc-js';
import { contentLengthPrefixed, JsonCodec, lengthPrefixed } from '@headrace/codec';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import {
  binaryExchange,
  clientOf,
  defineService,
  ExchangeHandler,
  jsonRpcExchange,
  call as method,
  serve,
} from '@headrace/rpc';
import { createTRPCClient, createWSClient, wsLink } from '@trpc/client';
import { initTRPC } from '@trpc/server';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import {
  createMessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';

const TEXT = 'x'.repeat(64);
const BYTES = Buffer.from(TEXT);
const ITEM = Buffer.alloc(1024, 'x');
const LIMIT = { maxFrameLength: 1 << 20 };

const MESSAGE = z.object({ text: z.string() });
const ECHO = defineService('bench', { echo: method(MESSAGE, MESSAGE) });

/** Each returns a function that makes one call, or reads one stream of so many items. */
const PEERS = {
  async json() {
    const exchange = await headraceEnds(() => [...contentLengthPrefixed(LIMIT), new JsonCodec()], {
      format: jsonRpcExchange(),
      handle: ({ params }) => params,
    });
    return () => exchange.request({ method: 'echo', params: [TEXT] });
  },
  async binary() {
    const exchange = await headraceEnds(() => lengthPrefixed(LIMIT), {
      format: binaryExchange(),
      handle: (body) => body,
    });
    return () => exchange.request(BYTES);
  },
  async 'vscode-jsonrpc'() {
    const [near, far] = await sockets();
    const caller = connectionOn(near);
    connectionOn(far, (connection) => connection.onRequest('echo', (text) => [text]));
    return () => caller.sendRequest('echo', TEXT);
  },
  async 'grpc-js'() {
    const client = await grpcEnds();
    return () =>
      new Promise((resolve, reject) => {
        const answered = (error, answer) => (error ? reject(error) : resolve(answer));
        client.makeUnaryRequest('/bench/echo', asIs, asIs, BYTES, answered);
      });
  },
  async service() {
    const exchange = await headraceEnds(() => [...contentLengthPrefixed(LIMIT), new JsonCodec()], {
      format: jsonRpcExchange(),
      handle: serve(ECHO, { echo: (body) => body }),
    });
    const api = clientOf(ECHO, exchange);
    return () => api.echo({ text: TEXT });
  },
  async tRPC() {
    const { procedure, router } = initTRPC.create();
    const echo = procedure
      .input(MESSAGE)
      .output(MESSAGE)
      .query(({ input }) => input);
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    applyWSSHandler({ wss: server, router: router({ echo }) });
    await once(server, 'listening');
    const client = createTRPCClient({
      links: [
        wsLink({
          client: createWSClient({
            url: `ws://127.0.0.1:${server.address().port}`,
            WebSocket,
          }),
        }),
      ],
    });
    return () => client.echo.query({ text: TEXT });
  },
  async 'Socket.IO'() {
    const http = createHttpServer();
    const server = new Server(http);
    server.on('connection', (socket) => socket.on('echo', (body, answer) => answer(body)));
    await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
    const socket = io(`http://127.0.0.1:${http.address().port}`, { transports: ['websocket'] });
    await new Promise((resolve) => socket.on('connect', resolve));
    return () => socket.emitWithAck('echo', { text: TEXT });
  },
  async 'items binary'() {
    const exchange = await headraceEnds(() => lengthPrefixed(LIMIT), {
      format: binaryExchange(),
      handle: (body) => itemsOf(body, ITEM),
    });
    return (count) => countOf(exchange.stream(countBytes(count)));
  },
  async 'items json'() {
    const item = ITEM.toString();
    const exchange = await headraceEnds(() => [...contentLengthPrefixed(LIMIT), new JsonCodec()], {
      format: jsonRpcExchange(),
      handle: ({ params }) => itemsOf(countBytes(params[0]), item),
    });
    return (count) => countOf(exchange.stream({ method: 'items', params: [count] }));
  },
  async 'items grpc-js'() {
    const client = await grpcEnds();
    return (count) =>
      countOf(client.makeServerStreamRequest('/bench/items', asIs, asIs, countBytes(count)));
  },
};

const asIs = (bytes) => bytes;

async function* itemsOf(body, item) {
  for (let left = body.readUInt32BE(); left > 0; left -= 1) yield item;
}

function countBytes(count) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(count);
  return bytes;
}

async function countOf(items) {
  let count = 0;
  for await (const _ of items) count += 1;
  return count;
}

/** Bodies are bytes, as in the binary format: nothing is spent on a schema. */
async function grpcEnds() {
  const wire = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
    requestStream: false,
  };
  const service = {
    echo: { ...wire, path: '/bench/echo', responseStream: false },
    items: { ...wire, path: '/bench/items', responseStream: true },
  };
  const server = new grpc.Server();
  server.addService(service, {
    echo: ({ request }, answer) => answer(null, request),
    items: async (call) => {
      for await (const item of itemsOf(call.request, ITEM)) {
        if (!call.write(item)) await new Promise((resolve) => call.once('drain', resolve));
      }
      call.end();
    },
  });
  const credentials = grpc.ServerCredentials.createInsecure();
  const port = await new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
}

async function headraceEnds(before, options) {
  const server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(...before(), new ExchangeHandler(options)))
    .bind({ port: 0, host: '127.0.0.1' });
  const exchange = new ExchangeHandler({ format: options.format });
  await new Bootstrap()
    .handler((channel) => channel.pipeline.addLast(...before(), exchange))
    .connect({ port: server.port, host: '127.0.0.1' });
  return exchange;
}

async function sockets() {
  const server = createServer({ noDelay: true });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise((resolve) => server.once('connection', resolve));
  const near = connect({ port: server.address().port, host: '127.0.0.1', noDelay: true });
  return [near, await accepted];
}

function connectionOn(socket, prepare) {
  const connection = createMessageConnection(
    new SocketMessageReader(socket),
    new SocketMessageWriter(socket),
  );
  prepare?.(connection);
  connection.listen();
  return connection;
}

/** `depth` calls at once, each followed by the next one. */
async function run(call, depth, calls) {
  let left = calls;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: depth }, caller));
}

const call = await PEERS[process.argv[2]]();
process.on('message', async ({ depth = 1, rounds, items = false }) => {
  // An order of another kind is for who counts: cost/count.mjs.
  if (rounds === undefined) return;
  const before = process.cpuUsage();
  if (items) assert.equal(await call(rounds), rounds);
  else await run(call, depth, rounds);
  const { user, system } = process.cpuUsage(before);
  process.send((user + system) / rounds);
});
process.on('disconnect', () => process.exit());
process.send('ready');
