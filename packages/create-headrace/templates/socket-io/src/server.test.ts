import assert from 'node:assert/strict';
import { EventEmitter, on, once } from 'node:events';
import { type TestContext, test } from 'node:test';
import type { Server } from '@headrace/core';
import { ServerMetrics } from '@headrace/handlers';
import { io, type Socket } from 'socket.io-client';
import type { ClientToServer, ServerToClient } from './events.ts';
import { startServer } from './server.ts';

const PAGE = new Map([['/', { type: 'text/html', content: Buffer.from('<h1>hello</h1>') }]]);
const HOST = '127.0.0.1';

async function start(t: TestContext): Promise<Server> {
  const server = await startServer(HOST, 0, PAGE, new ServerMetrics());
  t.after(() => server.close());
  return server;
}

/** A client of this name, and the lines that it hears. */
function connect(t: TestContext, { port }: Server, name: string) {
  const socket: Socket<ServerToClient, ClientToServer> = io(`http://${HOST}:${port}`, {
    auth: { name },
    forceNew: true,
    reconnectionDelay: 10,
  });
  t.after(() => socket.disconnect());
  const events = new EventEmitter();
  const lines = on(events, 'line');
  socket.on('came', (who) => void events.emit('line', `${who} is here`));
  socket.on('said', (who, text) => void events.emit('line', `${who}: ${text}`));
  const hears = async () => (await lines.next()).value[0] as string;
  return { socket, hears };
}

const connected = (socket: Socket) => once(socket as never, 'connect');

test('serves the page, and nothing else', async (t) => {
  const { port } = await start(t);
  const page = await fetch(`http://${HOST}:${port}/?utm_source=x`);
  assert.equal(await page.text(), '<h1>hello</h1>');
  for (const path of ['/nothing', '//', '//[', '/%zz']) {
    assert.equal((await fetch(`http://${HOST}:${port}${path}`)).status, 404);
  }
});

test('sends what a client says to the others in its room', async (t) => {
  const server = await start(t);
  const [ann, bob] = [connect(t, server, 'ann'), connect(t, server, 'bob')];
  assert.deepEqual(await ann.socket.emitWithAck('join', 'lobby'), []);
  assert.deepEqual(await bob.socket.emitWithAck('join', 'lobby'), ['ann']);
  assert.equal(await ann.hears(), 'bob is here');
  assert.equal(await ann.socket.emitWithAck('say', 'hello'), 1);
  assert.equal(await bob.hears(), 'ann: hello');
  await bob.socket.emitWithAck('join', 'garden');
  assert.equal(await ann.socket.emitWithAck('say', 'still there?'), 0);
});

test('gives a client that lost its connection its room and what it missed', async (t) => {
  const server = await start(t);
  const [ann, bob] = [connect(t, server, 'ann'), connect(t, server, 'bob')];
  await bob.socket.emitWithAck('join', 'lobby');
  await ann.socket.emitWithAck('join', 'lobby');
  assert.equal(await bob.hears(), 'ann is here');
  bob.socket.io.engine.close();
  await ann.socket.emitWithAck('say', 'missed');
  await connected(bob.socket);
  assert.equal(bob.socket.recovered, true);
  assert.equal(await bob.hears(), 'ann: missed');
});

test('refuses a bad name, and disconnects a client with a wrong event', async (t) => {
  const server = await start(t);
  const [error] = await once(connect(t, server, '').socket as never, 'connect_error');
  assert.equal((error as Error).message, 'bad name');
  const { socket } = connect(t, server, 'ann');
  await connected(socket);
  socket.emit('join', 'cellar' as never, () => {});
  const [reason] = await once(socket as never, 'disconnect');
  assert.equal(reason, 'io server disconnect');
});
