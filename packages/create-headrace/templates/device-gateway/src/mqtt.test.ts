import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MqttDeviceCodec } from './mqtt-codec.ts';
import { connected, connectedByMqtt, makeGateway } from './test-devices.ts';

for (const level of [4, 5] as const) {
  const version = level === 4 ? 'MQTT 3.1.1' : 'MQTT 5';

  test(`takes telemetry and sends commands over ${version}`, async () => {
    const gateway = makeGateway();
    const telemetry: unknown[] = [];
    gateway.on('telemetry', (device, params) => telemetry.push([device, params]));
    const device = connectedByMqtt(gateway, 'pump-8', level);
    device.connect();
    device.publish('telemetry', { celsius: 21.5 }, { qos: 1, packetId: 7 });
    assert.deepEqual([gateway.online(), telemetry], [['pump-8'], [['pump-8', { celsius: 21.5 }]]]);
    await assert.rejects(gateway.command('pump-8', 'open'), /not subscribed to commands/);
    device.subscribe();
    device.send({ type: 'pingreq' });
    const types = device.told.map(({ type }) => type);
    assert.deepEqual(types, ['connack', 'puback', 'suback', 'pingresp']);
    const result = device.clock.run(() => gateway.command('pump-8', 'open', { valve: 2 }));
    const command = device.told.at(-1);
    assert.ok(command?.type === 'publish' && command.topic === 'devices/pump-8/commands');
    const { id, params } = JSON.parse(new TextDecoder().decode(command.payload));
    device.publish('results', { jsonrpc: '2.0', id, result: params });
    assert.deepEqual(await result, { valve: 2 });
  });

  test(`refuses a wrong token over ${version} by its code`, () => {
    const gateway = makeGateway();
    const { connect, told, server } = connectedByMqtt(gateway, 'pump-8', level);
    connect('guess');
    assert.ok(told[0]?.type === 'connack');
    assert.equal(told[0].returnCode, level === 4 ? 4 : 0x86);
    assert.deepEqual([server.isOpen, gateway.online()], [false, []]);
  });

  test(`grants only a device's own commands over ${version}`, () => {
    const { connect, subscribe, told } = connectedByMqtt(makeGateway(), 'pump-8', level);
    connect();
    subscribe('devices/pump-9/commands');
    const answer = told.at(-1);
    assert.ok(answer?.type === 'suback');
    assert.deepEqual(answer.granted, [level === 4 ? 0x80 : 0x87]);
  });

  test(`answers each unsubscribe over ${version}`, async () => {
    const gateway = makeGateway();
    const device = connectedByMqtt(gateway, 'pump-8', level);
    device.connect();
    device.subscribe();
    const topics = ['devices/pump-8/commands', 'devices/pump-9/commands'];
    device.send({ type: 'unsubscribe', packetId: 2, topics });
    const answer = device.told.at(-1);
    assert.ok(answer?.type === 'unsuback' && answer.packetId === 2);
    assert.deepEqual(answer.reasonCodes, level === 5 ? [0, 0x11] : undefined);
    await assert.rejects(gateway.command('pump-8', 'open'), /not subscribed to commands/);
  });

  test(`ends the connection if an answer cannot be sent over ${version}`, () => {
    const { connect, subscribe, server } = connectedByMqtt(makeGateway(), 'pump-8', level);
    connect();
    const broken = { write: () => assert.fail('no room') };
    server.pipeline.addBefore(MqttDeviceCodec, broken);
    subscribe();
    assert.equal(server.isOpen, false);
  });

  test(`finds a silent device offline by its own keep-alive over ${version}`, () => {
    const gateway = makeGateway();
    const { connect, clock, server } = connectedByMqtt(gateway, 'pump-8', level);
    connect('secret', 100);
    clock.advance(149_999);
    assert.equal(server.isOpen, true);
    clock.advance(5000);
    assert.equal(server.isOpen, false);
  });
}

test('ends the connection of a device that publishes something else than JSON', () => {
  const gateway = makeGateway();
  for (const payload of ['nonsense', 'null', '[1', '\xff']) {
    const { connect, send, server } = connectedByMqtt(gateway, 'pump-8', 5);
    connect();
    send({
      type: 'publish',
      topic: 'devices/pump-8/telemetry',
      payload: Buffer.from(payload, 'latin1'),
      qos: 0,
      retain: false,
      dup: false,
    });
    assert.equal(server.isOpen, false);
  }
});

test('refuses an extended sign-in by a code, and not in silence', () => {
  const { send, told, server } = connectedByMqtt(makeGateway(), 'pump-8', 5);
  send({
    type: 'connect',
    protocolLevel: 5,
    cleanSession: true,
    keepAliveSeconds: 0,
    clientId: 'pump-8',
    password: Buffer.from('secret'),
    properties: { authenticationMethod: 'SCRAM-SHA-256' },
  });
  const [answer] = told;
  assert.ok(answer?.type === 'connack');
  assert.deepEqual([answer.returnCode, server.isOpen], [0x86, false]);
});

test('a device is the same one over lines and over MQTT: the later connection stays', () => {
  const gateway = makeGateway();
  const older = connectedByMqtt(gateway, 'pump-7', 5);
  older.connect();
  const newer = connected(gateway, 'pump-7');
  const last = older.told.at(-1);
  assert.ok(last?.type === 'disconnect');
  assert.deepEqual([last.reasonCode, older.server.isOpen], [0x8e, false]);
  assert.deepEqual([newer.told, gateway.online()], [['welcome'], ['pump-7']]);
});
