// Both ends of calls over one TCP connection, in this process: node benchmarks/load/call-load.mjs PEER, forked.
// For each message { depth, rounds } it makes that many calls and sends back the CPU time, in microseconds per call.
import { connect, createServer } from 'node:net';
import { contentLengthPrefixed, JsonCodec, lengthPrefixed } from '@headrace/codec';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { binaryExchange, ExchangeHandler, jsonRpcExchange } from '@headrace/handlers';
import {
  createMessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';

const TEXT = 'x'.repeat(64);
const BYTES = Buffer.from(TEXT);
const LIMIT = { maxFrameLength: 1 << 20 };

/** Each returns a function that makes one call. */
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
};

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
process.on('message', async ({ depth = 1, rounds }) => {
  // An order of another kind is for who counts: cost/count.mjs.
  if (rounds === undefined) return;
  const before = process.cpuUsage();
  await run(call, depth, rounds);
  const { user, system } = process.cpuUsage(before);
  process.send((user + system) / rounds);
});
process.on('disconnect', () => process.exit());
process.send('ready');
