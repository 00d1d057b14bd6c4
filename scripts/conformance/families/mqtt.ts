import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type CaseResult, type ConformanceFamily, PASSED, sameAsExpected } from '../family.ts';

// biome-ignore lint/suspicious/noExplicitAny: a packet in Netty's words, each type with its own fields
type MqttEntry = any;

interface MqttCase {
  readonly messages: readonly MqttEntry[];
  readonly hex: string;
  readonly decoded?: readonly MqttEntry[];
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (value: Uint8Array): string => Buffer.from(value).toString('hex');

/** A packet of ours for one in Netty's words. */
function packetOf(entry: MqttEntry): MqttPacket {
  const type = entry.type.toLowerCase();
  if (type === 'publish') {
    const { topic, qos, retain, dup, packetId, payloadHex } = entry;
    const id = packetId === undefined ? {} : { packetId };
    return { type, topic, qos, retain, dup, ...id, payload: bytes(payloadHex) };
  }
  if (type !== 'connect') return { ...entry, type };
  const { willTopic, willMessageHex, willQos = 0, willRetain = false } = entry;
  const will = { topic: willTopic, payload: bytes(willMessageHex ?? ''), qos: willQos };
  return {
    type,
    protocolLevel: entry.protocolLevel,
    cleanSession: entry.cleanSession,
    keepAliveSeconds: entry.keepAlive,
    clientId: entry.clientId,
    ...(willTopic === undefined ? {} : { will: { ...will, retain: willRetain } }),
    ...(entry.username === undefined ? {} : { username: entry.username }),
    ...(entry.passwordHex === undefined ? {} : { password: bytes(entry.passwordHex) }),
  };
}

/** The fields of a packet of ours, in Netty's words; `like` says which fields there are, in their order. */
function entryOf(packet: MqttPacket, like: MqttEntry): MqttEntry {
  const type = packet.type.toUpperCase();
  const isAtLeastOnce = ['pubrel', 'subscribe', 'unsubscribe'].includes(packet.type);
  const all: MqttEntry = { dup: false, qos: isAtLeastOnce ? 1 : 0, retain: false, ...packet, type };
  if (packet.type === 'publish') all.payloadHex = hexOf(packet.payload);
  if (packet.type === 'connect') {
    const { will, password } = packet;
    all.protocolName = packet.protocolLevel === 3 ? 'MQIsdp' : 'MQTT';
    all.keepAlive = packet.keepAliveSeconds;
    if (password !== undefined) all.passwordHex = hexOf(password);
    if (will !== undefined) {
      all.willTopic = will.topic;
      all.willMessageHex = hexOf(will.payload);
      all.willQos = will.qos;
      all.willRetain = will.retain;
    }
  }
  return Object.fromEntries(Object.keys(like).map((key) => [key, all[key]]));
}

function encode(messages: readonly MqttEntry[]): string {
  const channel = new EmbeddedChannel(new MqttEncoder());
  channel.writeOutbound(...messages.map(packetOf));
  return messages.map(() => channel.readOutbound<Buffer>()?.toString('hex')).join('');
}

function decode(hex: string): MqttPacket[] {
  const channel = new EmbeddedChannel(new MqttDecoder({ maxPacketBytes: 2 ** 28 }));
  channel.writeInbound(bytes(hex));
  const packets: MqttPacket[] = [];
  for (let packet = channel.readInbound<MqttPacket>(); packet !== undefined; ) {
    packets.push(packet);
    packet = channel.readInbound<MqttPacket>();
  }
  channel.finish();
  return packets;
}

function run({ messages, hex, decoded = messages }: MqttCase): CaseResult {
  const encoded = sameAsExpected(encode(messages), hex);
  if (encoded !== PASSED) return encoded;
  const packets = decode(hex);
  const entries = packets.map((packet, index) => entryOf(packet, decoded[index] ?? {}));
  return sameAsExpected(entries, decoded);
}

export const family: ConformanceFamily = { name: 'mqtt', run };
