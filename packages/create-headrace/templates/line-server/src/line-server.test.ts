import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ServerMetrics } from 'headrace';
import { EmbeddedChannel } from 'headrace/testing';
import { linePipeline, startLineServer } from './line-server.ts';

const metrics = new ServerMetrics();

/** A connection in memory: bytes in, bytes out, and a clock that moves when we say so. */
function connected() {
  const channel = new EmbeddedChannel();
  linePipeline({ idleMs: 60_000, metrics }).initialize(channel);
  return channel;
}

/** Everything that the server has written so far. */
function written(channel: ReturnType<typeof connected>): string {
  let text = '';
  for (let part = channel.readOutbound(); part !== undefined; part = channel.readOutbound()) {
    text += part;
  }
  return text;
}

test('answers lines, however they are cut', () => {
  const channel = connected();
  channel.writeInbound(Buffer.from('hel'), Buffer.from('lo\nworld\r\nco'));
  assert.equal(written(channel), 'HELLO\nWORLD\n');
  channel.writeInbound(Buffer.from('unt\n'));
  assert.equal(written(channel), '3 lines\n');
});

test('ends a connection that says quit, after the answer', () => {
  const channel = connected();
  channel.writeInbound(Buffer.from('quit\n'));
  assert.equal(written(channel), 'bye\n');
  assert.equal(channel.isEnding, true);
});

test('ends a connection that is idle, a minute later', () => {
  const channel = connected();
  channel.advance(59_999);
  assert.equal(channel.isEnding, false);
  channel.advance(1);
  assert.equal(written(channel), 'bye: idle for too long\n');
  assert.equal(channel.isEnding, true);
});

test('serves real sockets, and says bye when it shuts down', async (t) => {
  const server = await startLineServer('127.0.0.1', 0, {
    idleMs: 60_000,
    maxConnections: 10,
    metrics,
  });
  t.after(() => server.close());
  const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
  socket.write('hello\n');
  assert.deepEqual(await once(socket, 'data'), ['HELLO\n']);
  const [lastWord] = await Promise.all([once(socket, 'data'), server.shutdown()]);
  assert.deepEqual(lastWord, ['bye: shutting down\n']);
});
