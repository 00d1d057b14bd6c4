import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/codec';
import { handler, pipeline } from '@headrace/core';
import { connectedPair } from '@headrace/core/testing';
import { ServerMetrics } from '@headrace/handlers';
import { devicePipeline } from './device.ts';
import { DeviceGateway } from './gateway.ts';
import { notice } from './protocol.ts';

function makeGateway(): DeviceGateway {
  return new DeviceGateway({
    authenticate: (_, token) => token === 'secret',
    silenceMs: 60_000,
    metrics: new ServerMetrics(),
  });
}

/** A device and the gateway, connected in memory; what the device was told, and a clock that we move. */
function connected(gateway: DeviceGateway, device: string, token = 'secret') {
  const told: string[] = [];
  const pair = connectedPair({
    server: gateway.pipeline(),
    client: devicePipeline({
      device,
      token,
      onNotice: (method) => told.push(method),
      onCommand: (method, params) => ({ did: method, with: params }),
    }),
  });
  return { ...pair, told };
}

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

/** A device that speaks MQTT, with the packets that it was sent. */
function connectedByMqtt(gateway: DeviceGateway, device: string, protocolLevel: 4 | 5) {
  const told: MqttPacket[] = [];
  const pair = connectedPair({
    server: gateway.pipeline(),
    client: pipeline().add(
      () => new MqttDecoder(),
      () => new MqttEncoder(),
      () =>
        handler<{ reads: MqttPacket; writes: MqttPacket }>({
          channelRead: (_, packet) => void told.push(packet),
        }),
    ),
  });
  const send = (packet: MqttPacket) => void pair.client.writeAndFlush(packet);
  const connect = (token = 'secret', keepAliveSeconds = 0) =>
    send({
      type: 'connect',
      protocolLevel,
      cleanSession: true,
      keepAliveSeconds,
      clientId: device,
      username: device,
      password: Buffer.from(token),
    });
  const publish = (name: string, value: unknown, more: object = { qos: 0 }) =>
    send({
      type: 'publish',
      topic: `devices/${device}/${name}`,
      payload: Buffer.from(JSON.stringify(value)),
      qos: 0,
      retain: false,
      dup: false,
      ...more,
    });
  const subscribe = (topic = `devices/${device}/commands`) =>
    send({ type: 'subscribe', packetId: 1, subscriptions: [{ topic, qos: 1 }] });
  return { ...pair, told, send, connect, publish, subscribe };
}

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
    const [answer] = told;
    assert.ok(answer?.type === 'connack');
    assert.equal(answer.returnCode, level === 4 ? 4 : 0x86);
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
