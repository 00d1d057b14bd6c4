import { Buffer } from 'node:buffer';
import { writeVarint } from '@headrace/codec/authoring';
import { EncodeError } from '@headrace/core';
import { binary, refuse, text, uint16 } from './mqtt-fields.ts';
import {
  MQTT_TYPES,
  type MqttAcknowledgement,
  type MqttAuth,
  type MqttConnack,
  type MqttConnect,
  type MqttDisconnect,
  type MqttPacket,
  type MqttPublish,
  type MqttSuback,
  type MqttSubscribe,
  type MqttSubscription,
  type MqttUnsuback,
  type MqttUnsubscribe,
  mqttFlagsOf,
} from './mqtt-packet.ts';
import type { MqttProperties, MqttPropertiesOwner } from './mqtt-properties.ts';
import { connackCodeAt, isReasonOf } from './mqtt-reasons.ts';
import { isMqttShare, isMqttTopic } from './mqtt-topic.ts';
import { isCodeAt, isMqttFilterAt, missingClientId, REFUSED } from './parse-mqtt-packet.ts';
import { mqttPropertyBytes } from './write-mqtt-properties.ts';

const MAX_LENGTH = 268_435_455;
const EMPTY: Buffer = Buffer.alloc(0);
/** Levels that the encoder writes. */
const LEVELS: readonly number[] = [3, 4, 5];

/** The fields that a packet cannot do without, besides its identifier. Without its other fields, a packet has their defaults. */
const REQUIRED: { readonly [P in MqttPacket as P['type']]?: readonly (keyof P & string)[] } = {
  connect: ['protocolLevel', 'keepAliveSeconds', 'clientId'],
  connack: ['returnCode'],
  publish: ['topic', 'payload', 'qos'],
  subscribe: ['subscriptions'],
  suback: ['granted'],
  unsubscribe: ['topics'],
};
const OF_WILL = ['topic', 'payload', 'qos'];

/** Returns the bytes of a packet at a level of the protocol. A CONNECT has a level of its own. */
export function writeMqttPacket(packet: MqttPacket, level: number): Buffer {
  requireFields(packet.type, packet, REQUIRED[packet.type]);
  const body = Buffer.concat(bodyOf(packet, level));
  if (body.length > MAX_LENGTH) throw tooLong(body.length, MAX_LENGTH, 'are allowed');
  const first = (MQTT_TYPES.indexOf(packet.type) << 4) | flagsOf(packet);
  const head = Buffer.of(first, 0, 0, 0, 0);
  return Buffer.concat([head.subarray(0, writeVarint(head, 1, body.length)), body]);
}

function requireFields(what: string, owner: object, names: readonly string[] = []): void {
  for (const name of names) {
    const value = (owner as Readonly<Record<string, unknown>>)[name];
    if (value === undefined || value === null) throw refuse(`${what} has no ${name}`);
  }
}

export function tooLong(length: number, most: number, why: string): EncodeError {
  const text = `a packet has ${length} bytes, but at most ${most} ${why}`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { length, most });
}

function flagsOf(packet: MqttPacket): number {
  if (packet.type !== 'publish') return mqttFlagsOf(packet.type);
  const { dup, qos, retain } = packet;
  if (dup && qos === 0) throw refuse('a publish with QoS 0 cannot be a duplicate');
  return (dup ? 8 : 0) | (checkQos(qos) << 1) | (retain ? 1 : 0);
}

function bodyOf(packet: MqttPacket, level: number): Uint8Array[] {
  switch (packet.type) {
    case 'connect':
      return connectBody(packet);
    case 'connack':
      return connackBody(packet, level);
    case 'publish':
      return publishBody(packet, level);
    case 'subscribe':
      return subscribeBody(packet, level);
    case 'suback':
      return codesBody(packet, packet.granted, level);
    case 'unsubscribe':
      return unsubscribeBody(packet, level);
    case 'unsuback':
      if (level !== 5) return [idBytes(packet.packetId)];
      requireFields(packet.type, packet, ['reasonCodes']);
      return codesBody(packet, packet.reasonCodes!, level);
    case 'pingreq':
    case 'pingresp':
      return [];
    case 'disconnect':
    case 'auth':
      if (level !== 5) return refuseReason(packet);
      return reasonedBody(packet, EMPTY, packet.type);
    default:
      if (level !== 5) return [idBytes(packet.packetId)];
      return reasonedBody(packet, idBytes(packet.packetId), 'puback');
  }
}

/** Returns the properties, which only MQTT 5 has. */
function propertiesAt(
  level: number,
  owner: MqttPropertiesOwner,
  properties: MqttProperties | undefined,
): Uint8Array[] {
  return level === 5 ? mqttPropertyBytes(owner, properties) : [];
}

function connectBody(packet: MqttConnect): Uint8Array[] {
  const { will, username, password, protocolLevel } = packet;
  if (!LEVELS.includes(protocolLevel)) throw refuse(`level ${protocolLevel}`);
  const why = missingClientId(packet);
  if (why !== undefined) throw refuse(why);
  if (will !== undefined) requireFields('will', will, OF_WILL);
  if (protocolLevel !== 5) {
    if (packet.properties ?? will?.properties) throw refuse('only MQTT 5 has properties');
    if (password !== undefined && username === undefined) {
      throw refuse('a password without a username');
    }
  }
  const flags =
    (packet.cleanSession ? 2 : 0) |
    (will === undefined ? 0 : 4 | (checkQos(will.qos) << 3) | (will.retain ? 0x20 : 0)) |
    (password === undefined ? 0 : 0x40) |
    (username === undefined ? 0 : 0x80);
  return [
    text(protocolLevel === 3 ? 'MQIsdp' : 'MQTT'),
    Buffer.of(protocolLevel, flags),
    uint16(packet.keepAliveSeconds),
    ...propertiesAt(protocolLevel, 'connect', packet.properties),
    text(packet.clientId),
    ...(will === undefined ? [] : propertiesAt(protocolLevel, 'will', will.properties)),
    ...(will === undefined ? [] : [topicBytes(will.topic), binary(will.payload)]),
    ...(username === undefined ? [] : [text(username)]),
    ...(password === undefined ? [] : [binary(password)]),
  ];
}

function connackBody(packet: MqttConnack, level: number): Uint8Array[] {
  const { sessionPresent, returnCode, properties } = packet;
  const code = connackCodeAt(level, returnCode);
  if (code === undefined) throw refuse(`return code ${returnCode}`);
  if (sessionPresent && code !== 0) throw refuse('a session with a refusal');
  // A server of MQTT 3.1 does not say whether there is a session.
  const flags = sessionPresent && level !== 3 ? 1 : 0;
  return [Buffer.of(flags, code), ...propertiesAt(level, 'connack', properties)];
}

function publishBody(packet: MqttPublish, level: number): Uint8Array[] {
  const { topic, qos, packetId, payload, properties } = packet;
  const hasAlias = level === 5 && topic === '' && properties?.topicAlias !== undefined;
  return [
    hasAlias ? text(topic) : topicBytes(topic),
    qos === 0 ? EMPTY : idBytes(packetId),
    ...propertiesAt(level, 'publish', properties),
    payload,
  ];
}

function subscribeBody(packet: MqttSubscribe, level: number): Uint8Array[] {
  const { packetId, subscriptions, properties } = packet;
  if (subscriptions.length === 0) throw refuse('a subscribe without subscriptions');
  for (const one of subscriptions) requireFields('subscription', one, ['topic', 'qos']);
  return [
    idBytes(packetId),
    ...propertiesAt(level, 'subscribe', properties),
    ...subscriptions.flatMap((one) => [filterBytes(one.topic, level), optionBits(one, level)]),
  ];
}

function optionBits(subscription: MqttSubscription, level: number): Buffer {
  const { topic, noLocal = false, retainAsPublished = false, retainHandling = 0 } = subscription;
  const bits = (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
  if (level !== 5 && bits !== 0) throw refuse('only MQTT 5 has options of a subscription');
  if (![0, 1, 2].includes(retainHandling)) throw refuse(`retain handling ${retainHandling}`);
  if (noLocal && isMqttShare(topic)) throw refuse('no local with a shared subscription');
  return Buffer.of(bits | checkQos(subscription.qos));
}

function unsubscribeBody(packet: MqttUnsubscribe, level: number): Uint8Array[] {
  const { packetId, topics, properties } = packet;
  if (topics.length === 0) throw refuse('an unsubscribe without topics');
  return [
    idBytes(packetId),
    ...propertiesAt(level, 'unsubscribe', properties),
    ...topics.map((topic) => filterBytes(topic, level)),
  ];
}

function codesBody(
  { type, packetId, properties }: MqttSuback | MqttUnsuback,
  given: readonly number[],
  level: number,
): Uint8Array[] {
  if (given.length === 0) throw refuse(`${type} has no codes`);
  const codes =
    level === 5 ? given : given.map((code) => (code >= REFUSED ? olderCode(code, level) : code));
  const wrong = codes.find((code) => !isCodeAt(level, type, code));
  if (wrong !== undefined) throw refuse(`${type} has the code ${wrong}`);
  return [idBytes(packetId), ...propertiesAt(level, type, properties), Buffer.from(codes)];
}

/** MQTT 3.1.1 has one code for all refusals of a subscription. MQTT 3.1 has none: its server answers as if it had subscribed. */
function olderCode(code: number, level: number): number {
  if (!isReasonOf('suback', code)) return code;
  return level === 3 ? 0 : REFUSED;
}

/** Leaves out the properties if there are none, and the reason code as well if it is 0, as the specification allows. */
function reasonedBody(
  { type, reasonCode = 0, properties }: MqttAcknowledgement | MqttDisconnect | MqttAuth,
  head: Buffer,
  owner: 'puback' | 'disconnect' | 'auth',
): Uint8Array[] {
  if (!isReasonOf(type, reasonCode)) throw refuse(`${type} has the code ${reasonCode}`);
  const parts = mqttPropertyBytes(owner, properties);
  if (parts.length > 1) return [head, Buffer.of(reasonCode), ...parts];
  return reasonCode === 0 ? [head] : [head, Buffer.of(reasonCode)];
}

function refuseReason({ type, reasonCode = 0 }: MqttDisconnect | MqttAuth): Uint8Array[] {
  if (type === 'auth') throw refuse('only MQTT 5 has auth');
  if (reasonCode !== 0) throw refuse('only MQTT 5 has a disconnect with a reason');
  return [];
}

function checkQos(qos: number): number {
  if (qos === 0 || qos === 1 || qos === 2) return qos;
  throw refuse(`QoS ${qos}`);
}

function idBytes(packetId: number | undefined): Buffer {
  if (packetId === undefined || packetId === 0) throw refuse('a packet identifier is missing');
  return uint16(packetId);
}

function topicBytes(topic: string): Buffer {
  if (isMqttTopic(topic)) return text(topic);
  throw refuse(`${JSON.stringify(topic)} is not a topic to publish to`);
}

function filterBytes(filter: string, level: number): Buffer {
  if (isMqttFilterAt(level, filter)) return text(filter);
  throw refuse(`${JSON.stringify(filter)} is not a topic filter`);
}
