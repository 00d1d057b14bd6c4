import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { MQTT5_PACKETS, Mqtt5PacketDecoder, mqtt5Bytes } from '../../../mqtt/test/mqtt5-packets.ts';
import { bytesOf, type DecoderTarget } from '../decoder-target.ts';

const PACKETS: MqttPacket[] = [
  { type: 'connect', protocolLevel: 4, cleanSession: true, keepAliveSeconds: 60, clientId: 'a' },
  {
    type: 'publish',
    topic: 'a/b',
    payload: bytesOf('hi'),
    qos: 1,
    retain: false,
    dup: false,
    packetId: 7,
  },
  { type: 'subscribe', packetId: 3, subscriptions: [{ topic: '#', qos: 2 }] },
  { type: 'suback', packetId: 3, granted: [0, 128] },
  { type: 'unsubscribe', packetId: 4, topics: ['a', 'b'] },
  { type: 'pubrel', packetId: 5 },
  { type: 'pingreq' },
];

export const targets: DecoderTarget[] = [
  {
    name: 'MqttDecoder',
    alphabet: bytesOf('\x10\x20\x30\x32\x62\x82\x90\xa2\xc0\xe0\0\0\x01\x02\x03a'),
    samples: PACKETS.map((packet) => new MqttEncoder().encode(packet) as Uint8Array),
    make: (frameErrorPolicy) =>
      new MqttDecoder({ maxPacketBytes: 20, frameErrorPolicy, frameTimeoutMs: false }),
  },
  {
    name: 'MqttDecoder of MQTT 5',
    alphabet: bytesOf(
      '\x10\x20\x30\x32\x62\x82\x90\xa2\xb0\xe0\xf0\0\0\x01\x02\x03\x0b\x1f\x21\x23\x26a',
    ),
    samples: MQTT5_PACKETS.map(mqtt5Bytes),
    make: (frameErrorPolicy) =>
      new Mqtt5PacketDecoder({ maxPacketBytes: 90, frameErrorPolicy, frameTimeoutMs: false }),
  },
];
