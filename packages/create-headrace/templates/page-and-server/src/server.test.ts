import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';
import { test } from 'node:test';
import { ServerMetrics } from '@headrace/handlers';
import { openLink } from './link.ts';
import type { Told } from './messages.ts';
import { startServer } from './server.ts';

const PAGE = new Map([['/', { type: 'text/html', content: Buffer.from('<h1>hello</h1>') }]]);
const HOST = '127.0.0.1';
const METRICS = new ServerMetrics();

/** A page of this name, and what it is told. */
function open(name: string, port: number) {
  const events = new EventEmitter();
  const heard = on(events, 'told');
  const link = openLink({
    address: `ws://${HOST}:${port}/ws`,
    name,
    told: (message) => void events.emit('told', message),
  });
  const until = async (isIt: (message: Told) => boolean): Promise<Told> => {
    for (;;) {
      const [message] = (await heard.next()).value as [Told];
      if (isIt(message)) return message;
    }
  };
  return { link, until };
}

test('serves the page, and nothing else', async (t) => {
  const server = await startServer(HOST, 0, PAGE, METRICS);
  t.after(() => server.close());
  const page = await fetch(`http://${HOST}:${server.port}/`);
  assert.equal(await page.text(), '<h1>hello</h1>');
  const status = async (path: string) =>
    (await fetch(`http://${HOST}:${server.port}${path}`)).status;
  assert.equal(await status('/?utm_source=x'), 200);
  for (const path of ['/nothing', '//', '//[', '/%zz']) assert.equal(await status(path), 404);
});

test("pages see the members, get each other's messages, and come back after a restart of the server", async (t) => {
  let server = await startServer(HOST, 0, PAGE, METRICS);
  const { port } = server;
  t.after(() => server.close());
  const ann = open('ann', port);
  const bob = open('bob', port);
  t.after(() => Promise.all([ann.link.close(), bob.link.close()]));
  const both = (message: Told) => message.type === 'here' && message.names.length === 2;
  await Promise.all([ann.until(both), bob.until(both)]);

  void ann.link.writeAndFlush({ type: 'say', text: 'hello' });
  const isSaid = (message: Told) => message.type === 'said';
  assert.deepEqual(await bob.until(isSaid), { type: 'said', from: 'ann', text: 'hello' });

  await server.shutdown();
  server = await startServer(HOST, port, PAGE, METRICS);
  await Promise.all([ann.until(both), bob.until(both)]);
  void bob.link.writeAndFlush({ type: 'say', text: 'again' });
  const isAgain = (message: Told) => message.type === 'said' && message.from === 'bob';
  assert.deepEqual(await ann.until(isAgain), { type: 'said', from: 'bob', text: 'again' });
});
