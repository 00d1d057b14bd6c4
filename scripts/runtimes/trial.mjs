// Trials on the runtime that runs this file, with the packed packages by their public names, as a program outside
// this repository. Prints a report like Vitest's as JSON; a program that uses the packages rightly prints nothing else.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import tls from 'node:tls';
import {
  Bootstrap,
  ServerBootstrap,
  silentLogger,
  TlsClientContext,
  TlsServerContext,
  upgradeToTls,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { DatagramBootstrap, perPeer, toPeer } from '@headrace/datagram';
import { EchoHandler } from '@headrace/handlers';
import { HttpEndpoint, WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';

/** For what hangs; alone each takes a second at most. */
const LIMIT_MS = 20_000;
const LOCAL = { host: '127.0.0.1', port: 0 };
const { ca, localhost } = JSON.parse(process.env.TRIAL_CERTIFICATES);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server on a free port; its connections get the handlers that `handlers` makes. */
function serve(handlers, where = {}) {
  return new ServerBootstrap()
    .childHandler((channel) => void channel.pipeline.addLast(...handlers()))
    .bind({ ...LOCAL, ...where });
}

function dial({ port }, handlers = () => []) {
  return new Bootstrap()
    .handler((channel) => void channel.pipeline.addLast(...handlers()))
    .connect({ ...LOCAL, port });
}

/** The next `count` messages of a channel. */
async function take(channel, count) {
  const messages = [];
  // Not `for await`: leaving that closes the channel.
  const incoming = channel[Symbol.asyncIterator]();
  while (messages.length < count) messages.push((await incoming.next()).value);
  return messages;
}

const PACKAGES = [
  'bus',
  'client',
  'cluster',
  'codec',
  'datagram',
  'handlers',
  'inject',
  'lasting',
  'simulation',
  'store',
  'websocket',
];

const trials = {
  async "connections of the runtime's own, one line in the log"() {
    const runtimes = ['bun', 'deno', 'node'];
    const runtime = runtimes.find((name) => process.versions[name] !== undefined);
    const kind = { bun: 'bun', deno: 'socket', node: 'handle' }[runtime];
    const lines = [];
    const log = (level, text) => void lines.push(`${level}${/ takes \w+/.exec(text)?.[0]}`);
    const server = await new ServerBootstrap()
      .options({ logger: { log } })
      .childHandler(() => {})
      .bind(LOCAL);
    equal(server.transportKind, kind);
    deepEqual(lines, [`debug takes ${kind}s`]);
    await server.close();
  },

  async 'all packages load'() {
    for (const name of PACKAGES) ok(Object.keys(await import(`@headrace/${name}`)).length > 0);
    const channel = new EmbeddedChannel(new EchoHandler());
    channel.writeInbound('hello');
    equal(channel.readOutbound(), 'hello');
  },

  async 'a WebSocket over TLS, to ours and to one of the runtime'() {
    const endpoint = new HttpEndpoint({
      request: (_request, response) => response.end('a page'),
      webSocket: ({ pipeline }) => pipeline.addLast(new WebSocketTextCodec(), new EchoHandler()),
    });
    const secure = await serve(() => [endpoint.handler()], { tls: localhost });
    const client = await new WebSocketBootstrap()
      .options({ logger: silentLogger, tls: { ca } })
      .handler((channel) => void channel.pipeline.addLast(new WebSocketTextCodec()))
      .connect(`wss://localhost:${secure.port}/ws`);
    client.writeAndFlush('hello');
    deepEqual(await take(client, 1), ['hello']);
    await client.close();
    await secure.close();
    const server = await serve(() => [endpoint.handler()]);
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    equal(await response.text(), 'a page');
    if (globalThis.WebSocket !== undefined) {
      // Node 20 has none.
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}/ws`);
      socket.onopen = () => socket.send('hello');
      equal(
        (await new Promise((resolve) => Object.assign(socket, { onmessage: resolve }))).data,
        'hello',
      );
      socket.close();
    }
    await server.close();
  },

  async 'datagrams, on one channel and with a channel for each peer'() {
    const echo = { channelRead: (ctx, datagram) => void ctx.writeAndFlush(datagram) };
    const bound = await new DatagramBootstrap()
      .handler(({ pipeline }) => void pipeline.addLast(echo))
      .bind(LOCAL);
    const peers = await new ServerBootstrap()
      .childHandler(({ pipeline }) => void pipeline.addLast(new EchoHandler()))
      .bind({ listener: perPeer(LOCAL) });
    for (const { port } of [bound.localAddress, peers]) {
      const client = await new Bootstrap()
        .handler(() => {})
        .connect({ transport: toPeer({ host: '127.0.0.1', port }) });
      client.writeAndFlush(Buffer.from('hello'));
      equal(String((await take(client, 1))[0]), 'hello');
      const refused = await client.writeAndFlush(Buffer.alloc(70_000)).catch((error) => error.code);
      equal(refused, 'HR_ERR_MESSAGE_TOO_LONG');
      ok(client.isOpen);
      await client.close();
    }
    await bound.close();
    await peers.close();
  },

  async 'a session is resumed'() {
    const server = await serve(() => [new EchoHandler()], { tls: localhost });
    const options = { host: '127.0.0.1', port: server.port, ca, servername: 'localhost' };
    const first = tls.connect(options);
    let session;
    first.on('session', (ticket) => {
      session = ticket;
    });
    first.write('x');
    await once(first, 'data');
    await pause(50);
    ok(session, 'the client got no session');
    first.destroy();
    const second = tls.connect({ ...options, session });
    await once(second, 'secureConnect');
    ok(second.isSessionReused(), 'the second handshake was a full one');
    second.destroy();
    await server.close();
  },

  async 'after STARTTLS a peer that does not read stops the writer'() {
    const accepted = [];
    const server = await serve(() => [{ channelActive: (ctx) => void accepted.push(ctx.channel) }]);
    const client = await dial(server, () => [{ channelRead() {} }]);
    while (accepted.length === 0) await pause(5);
    const [child] = accepted;
    await Promise.all([
      upgradeToTls(child, new TlsServerContext(localhost)),
      upgradeToTls(client, new TlsClientContext({ ca, servername: 'localhost' })),
    ]);
    client.autoRead = false;
    const piece = Buffer.alloc(64 * 1024);
    let bytes = 0;
    for (
      let full = 0;
      full < 20 && bytes < 64 * 1024 * 1024;
      full = child.isWritable ? 0 : full + 1
    ) {
      for (; child.isWritable; bytes += piece.length) child.write(piece).onSettled(() => {});
      child.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    ok(!child.isWritable && bytes < 64 * 1024 * 1024, `it took ${bytes} bytes`);
    await server.close();
  },
};

let fail;
process.on('uncaughtException', (error) => fail(error));
process.on('unhandledRejection', (error) => fail(error));

async function run(trial) {
  const failure = new Promise((_, reject) => {
    fail = reject;
  });
  const timer = setTimeout(() => fail(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS);
  // What comes a moment later, as an error nobody caught, counts too.
  const done = trial().then(() => pause(50));
  await Promise.race([done, failure]).finally(() => clearTimeout(timer));
}

const assertionResults = [];
for (const [fullName, trial] of Object.entries(trials)) {
  const outcome = { fullName, status: 'passed' };
  await run(trial).catch((error) => {
    Object.assign(outcome, { status: 'failed', failureMessages: [`${error?.stack ?? error}`] });
  });
  assertionResults.push(outcome);
}
const testResults = [{ name: 'trials', status: 'passed', assertionResults }];
console.log(JSON.stringify({ testResults }));
process.exit(0);
