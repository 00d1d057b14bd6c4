import assert from 'node:assert/strict';
import { EventEmitter, on, once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ChannelGroup, handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { ServerMetrics } from '@headrace/handlers';
import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
import { RoomHandler } from './room-handler.ts';
import { startServer } from './server.ts';

test('sends a message of one member to all, without a socket', () => {
  const members = new ChannelGroup('members');
  const [ann, bob] = ['tcp', 'websocket'].map((way) => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(new RoomHandler(members, way));
    return channel;
  }) as [EmbeddedChannel, EmbeddedChannel];
  ann.writeInbound(' hello ', '  ');
  assert.deepEqual([ann.readOutbound(), ann.readOutbound()], ['welcome by tcp', 'tcp: hello']);
  assert.deepEqual(
    [bob.readOutbound(), bob.readOutbound(), bob.readOutbound()],
    ['welcome by websocket', 'tcp: hello', undefined],
  );
});

test('serves a page, a WebSocket and lines on one port', async (t) => {
  const server = await startServer('127.0.0.1', 0, {
    idleMs: 60_000,
    metrics: new ServerMetrics(),
  });
  t.after(() => server.close());
  const place = `127.0.0.1:${server.port}`;

  const page = await fetch(`http://${place}/`);
  const html = await page.text();
  assert.match(html, /<h1>One port/);
  const [, map = ''] = /<script type="importmap">(.+)<\/script>/.exec(html) ?? [];
  const { imports } = JSON.parse(map) as { imports: Record<string, string> };
  const [module = ''] = Object.entries(imports).find(([name]) => name === '@headrace/client') ?? [];
  assert.equal(module, '@headrace/client');
  // Everything that the modules import is there.
  const waiting = new Set(Object.values(imports));
  for (const path of waiting) {
    const file = await fetch(`http://${place}${path}`);
    assert.match(file.headers.get('content-type') ?? '', /^text\/javascript/, path);
    const code = await file.text();
    for (const [, wanted = ''] of code.matchAll(/^(?:import|export) .*? from "(.+?)";$/gm)) {
      if (wanted.startsWith('./')) waiting.add(new URL(wanted, `http://${place}${path}`).pathname);
      else if (wanted.startsWith('@headrace/')) assert.ok(wanted in imports, `${path}: ${wanted}`);
    }
  }
  for (const path of ['/nothing', '//', '//[', '/%zz'])
    assert.equal((await fetch(`http://${place}${path}`)).status, 404);
  for (const path of ['/?utm_source=x', `${imports[module]}?v=2`])
    assert.equal((await fetch(`http://${place}${path}`)).status, 200);

  const texts = new EventEmitter();
  const heard = on(texts, 'text');
  const webSocket = await new WebSocketBootstrap()
    .handler((channel) =>
      channel.pipeline.addLast(
        new WebSocketTextCodec(),
        handler<{ reads: string; passesOn: never }>({
          channelRead: (_ctx, text) => void texts.emit('text', text),
        }),
      ),
    )
    .connect(`ws://${place}/ws`);
  assert.deepEqual((await heard.next()).value, ['welcome by websocket']);

  const tcp = connect(server.port, '127.0.0.1').setEncoding('utf8');
  tcp.write('hello\n');
  assert.deepEqual((await heard.next()).value, ['tcp: hello']);
  await webSocket.writeAndFlush('hi');
  let lines = '';
  while (!lines.includes('websocket: hi\n')) lines += (await once(tcp, 'data'))[0];
  assert.equal(lines, 'welcome by tcp\ntcp: hello\nwebsocket: hi\n');

  const [lastWord] = await Promise.all([once(tcp, 'data'), server.shutdown()]);
  assert.deepEqual(lastWord, ['bye\n']);
});
