import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { notice } from './protocol.ts';
import { connected, makeGateway } from './test-devices.ts';

test('knows which devices are online, and passes telemetry on with the name of the device', () => {
  const gateway = makeGateway();
  const telemetry: unknown[] = [];
  gateway.on('telemetry', (device, params) => telemetry.push([device, params]));
  const { client, told } = connected(gateway, 'pump-7');
  assert.deepEqual([told, gateway.online()], [['welcome'], ['pump-7']]);
  client.writeAndFlush(notice('telemetry', { celsius: 21.5 }));
  assert.deepEqual(telemetry, [['pump-7', { celsius: 21.5 }]]);
});

test('sends a command, and resolves with its result', async () => {
  const gateway = makeGateway();
  const { clock } = connected(gateway, 'pump-7');
  const result = clock.run(() => gateway.command('pump-7', 'open', { valve: 2 }));
  assert.deepEqual(await result, { did: 'open', with: { valve: 2 } });
  await assert.rejects(gateway.command('nobody', 'open'), /nobody is offline/);
});

test('refuses a wrong token, and messages before the login', () => {
  const gateway = makeGateway();
  const { server, told } = connected(gateway, 'pump-7', 'guess');
  assert.deepEqual([told, server.isOpen, gateway.online()], [['refused'], false, []]);
});

test('finds a silent device offline after a minute', () => {
  const gateway = makeGateway();
  const { clock, server } = connected(gateway, 'pump-7');
  clock.advance(59_999);
  assert.equal(server.isOpen, true);
  clock.advance(5000);
  assert.deepEqual([server.isOpen, gateway.online()], [false, []]);
});

test('serves devices that write their lines by hand, and survives those that write anything', async (t) => {
  const gateway = makeGateway();
  const server = await gateway.listen('127.0.0.1', 0);
  t.after(() => server.close());
  const bad = connect(server.port, '127.0.0.1');
  bad.write('null\n');
  await once(bad.resume(), 'close');
  const good = connect(server.port, '127.0.0.1').setEncoding('utf8');
  good.write('{"jsonrpc":"2.0","method":"login","params":{"device":"d","token":"secret"}}\n');
  const [answer] = await once(good, 'data');
  assert.match(answer, /"method":"welcome"/);
  good.destroy();
});
