// Devices for the tests: connected in memory, with a clock that the test moves.

import { handler, pipeline } from '@headrace/core';
import { connectedPair } from '@headrace/core/testing';
import { ServerMetrics } from '@headrace/handlers';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { devicePipeline } from './device.ts';
import { DeviceGateway } from './gateway.ts';

export function makeGateway(): DeviceGateway {
  return new DeviceGateway({
    authenticate: (_, token) => token === 'secret',
    silenceMs: 60_000,
    metrics: new ServerMetrics(),
  });
}

/** A device and the gateway, connected in memory; what the device was told, and a clock that we move. */
export function connected(gateway: DeviceGateway, device: string, token = 'secret') {
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

/** A device that speaks MQTT, with the packets that it was sent. */
export function connectedByMqtt(gateway: DeviceGateway, device: string, protocolLevel: 4 | 5) {
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
