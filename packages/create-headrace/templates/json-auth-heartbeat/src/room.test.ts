import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ServerMetrics } from 'headrace';
import { connectedPair } from 'headrace/testing';
import { clientPipeline } from './client.ts';
import { roomPipeline, startRoom } from './server.ts';

const OPTIONS = { token: 'secret', silenceMs: 60_000, metrics: new ServerMetrics() };

/** A client and the server, connected in memory; what the client hears, and a clock that we move. */
function connected(room = roomPipeline(OPTIONS)) {
  const heard: string[] = [];
  const pair = connectedPair({
    server: room,
    client: clientPipeline({
      welcome: (user) => heard.push(`welcome ${user}`),
      refused: (why) => heard.push(`refused: ${why}`),
      said: (user, text) => heard.push(`${user}: ${text}`),
    }),
  });
  return { ...pair, heard };
}

test('accepts clients with the token, and broadcasts their messages', () => {
  const room = roomPipeline(OPTIONS);
  const [ann, bob] = [connected(room), connected(room)];
  ann.client.writeAndFlush({ type: 'login', user: 'ann', token: 'secret' });
  bob.client.writeAndFlush({ type: 'login', user: 'bob', token: 'secret' });
  ann.client.writeAndFlush({ type: 'say', text: 'hello' });
  assert.deepEqual(ann.heard, ['welcome ann', 'ann: hello']);
  assert.deepEqual(bob.heard, ['welcome bob', 'ann: hello']);
});

test('closes a connection with a wrong token, or with a message before the sign-in', () => {
  const guest = connected();
  guest.client.writeAndFlush({ type: 'login', user: 'ann', token: 'guess' });
  assert.deepEqual(guest.heard, ['refused: wrong user or token']);
  assert.equal(guest.server.isOpen, false);

  const rude = connected();
  rude.client.writeAndFlush({ type: 'say', text: 'hello' });
  assert.deepEqual(rude.heard, ['refused: sign in first']);
  assert.equal(rude.server.isOpen, false);
});

test('closes a connection that does not sign in within 10 seconds', () => {
  const { clock, server, heard } = connected();
  clock.advance(10_000);
  assert.deepEqual(heard, ['refused: no sign-in in time']);
  assert.equal(server.isOpen, false);
});

test('keeps a quiet client for an hour by its heartbeats', () => {
  const { clock, client, server, heard } = connected();
  client.writeAndFlush({ type: 'login', user: 'ann', token: 'secret' });
  clock.advance(3_600_000);
  assert.deepEqual([client.isActive, server.isActive], [true, true]);
  assert.deepEqual(heard, ['welcome ann']);
});

test('closes a connection that sends what is not a message, and serves the others', async (t) => {
  const server = await startRoom('127.0.0.1', 0, OPTIONS);
  t.after(() => server.close());
  const bad = connect(server.port, '127.0.0.1');
  bad.write(Buffer.from('\0\0\0\x0d{"type":"no"}', 'latin1'));
  await once(bad.resume(), 'close');
  const good = connect(server.port, '127.0.0.1');
  good.write(Buffer.from('\0\0\0\x0f{"type":"ping"}', 'latin1'));
  const [answer] = await once(good, 'data');
  assert.equal(String(answer.subarray(4)), '{"type":"pong"}');
});
