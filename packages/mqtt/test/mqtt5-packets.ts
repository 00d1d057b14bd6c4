import { Buffer } from 'node:buffer';
import type { Context } from '@headrace/core';
import { MqttDecoder, type MqttDecoderOptions, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { mqttConnectionOf } from '../src/mqtt-connection.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const userProperties = [
  ['a', '1'],
  ['a', 'é'],
] as const;
const explained = { reasonString: 'why', userProperties };

/** Packets of MQTT 5: each type, each property, and each packet without its optional parts. */
export const MQTT5_PACKETS: readonly MqttPacket[] = [
  {
    type: 'connect',
    protocolLevel: 5,
    cleanSession: true,
    keepAliveSeconds: 60,
    clientId: '',
    will: {
      topic: 'w',
      payload: bytes('gone'),
      qos: 1,
      retain: true,
      properties: {
        willDelaySeconds: 5,
        payloadFormatIndicator: 1,
        messageExpirySeconds: 4_294_967_295,
        contentType: 'text/plain',
        responseTopic: 'r',
        correlationData: bytes('c'),
        userProperties,
      },
    },
    password: bytes('p'),
    properties: {
      sessionExpirySeconds: 3600,
      receiveMaximum: 10,
      maximumPacketBytes: 1000,
      topicAliasMaximum: 5,
      requestResponseInformation: true,
      requestProblemInformation: false,
      authenticationMethod: 'SCRAM-SHA-1',
      authenticationData: bytes('d'),
      userProperties,
    },
  },
  { type: 'connect', protocolLevel: 5, cleanSession: false, keepAliveSeconds: 0, clientId: 'a' },
  {
    type: 'connack',
    sessionPresent: true,
    returnCode: 0,
    properties: {
      sessionExpirySeconds: 1,
      receiveMaximum: 65_535,
      maximumQos: 1,
      retainAvailable: false,
      maximumPacketBytes: 4_294_967_295,
      assignedClientIdentifier: 'auto-1',
      topicAliasMaximum: 10,
      ...explained,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifierAvailable: false,
      sharedSubscriptionAvailable: true,
      serverKeepAliveSeconds: 30,
      responseInformation: 'r/',
      serverReference: 'other',
      authenticationMethod: 'm',
      authenticationData: bytes('d'),
    },
  },
  { type: 'connack', sessionPresent: false, returnCode: 0x87 },
  {
    type: 'publish',
    topic: 'a/b',
    qos: 2,
    dup: true,
    retain: true,
    packetId: 65_535,
    payload: bytes('x'.repeat(200)),
    properties: {
      payloadFormatIndicator: 0,
      messageExpirySeconds: 0,
      topicAlias: 3,
      responseTopic: 'r',
      correlationData: bytes(''),
      userProperties,
      subscriptionIdentifiers: [1, 128, 268_435_455],
      contentType: '',
    },
  },
  { type: 'publish', topic: 'a', qos: 0, dup: false, retain: false, payload: bytes('') },
  {
    type: 'publish',
    topic: '',
    qos: 0,
    dup: false,
    retain: false,
    payload: bytes('m'),
    properties: { topicAlias: 65_535 },
  },
  { type: 'puback', packetId: 1 },
  { type: 'puback', packetId: 1, reasonCode: 0x10 },
  { type: 'puback', packetId: 1, properties: explained },
  { type: 'pubrec', packetId: 2, reasonCode: 0x97, properties: explained },
  { type: 'pubrel', packetId: 2, reasonCode: 0x92, properties: explained },
  { type: 'pubcomp', packetId: 2, properties: { userProperties } },
  {
    type: 'subscribe',
    packetId: 3,
    subscriptions: [
      { topic: '#', qos: 2 },
      { topic: 'a/+', qos: 0, noLocal: true, retainAsPublished: true, retainHandling: 2 },
      { topic: '$share/group/a/#', qos: 1, retainHandling: 1 },
    ],
    properties: { subscriptionIdentifier: 268_435_455, userProperties },
  },
  { type: 'subscribe', packetId: 3, subscriptions: [{ topic: 'a', qos: 1 }] },
  { type: 'suback', packetId: 3, granted: [2, 0x87], properties: explained },
  { type: 'suback', packetId: 3, granted: [0x9e] },
  { type: 'unsubscribe', packetId: 4, topics: ['a', '$share/g/b'], properties: { userProperties } },
  { type: 'unsubscribe', packetId: 4, topics: ['a'] },
  { type: 'unsuback', packetId: 4, reasonCodes: [0, 0x11], properties: explained },
  { type: 'unsuback', packetId: 4, reasonCodes: [0x80] },
  { type: 'pingreq' },
  { type: 'pingresp' },
  { type: 'disconnect' },
  { type: 'disconnect', reasonCode: 4, properties: { sessionExpirySeconds: 0, ...explained } },
  { type: 'disconnect', reasonCode: 0x9c, properties: { serverReference: 'other' } },
  { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm', ...explained } },
  {
    type: 'auth',
    reasonCode: 0x19,
    properties: { authenticationMethod: 'm', authenticationData: bytes('d') },
  },
  { type: 'auth' },
];

/** A decoder of single packets of MQTT 5, which needs no CONNECT before them. */
export class Mqtt5PacketDecoder extends MqttDecoder {
  constructor(options: MqttDecoderOptions = {}) {
    super({ protocolLevels: [5], ...options });
  }

  override handlerAdded(ctx: Context): void {
    super.handlerAdded(ctx);
    onlyPackets(ctx);
  }
}

/** An encoder of single packets of MQTT 5. */
export class Mqtt5PacketEncoder extends MqttEncoder {
  handlerAdded(ctx: Context): void {
    onlyPackets(ctx);
  }
}

/** No side is known, so that the connection checks no order and no limits. */
function onlyPackets({ channel }: Context): void {
  const connection = mqttConnectionOf(channel);
  connection.level = 5;
  connection.note = () => {};
}

/** Returns the bytes of a packet of MQTT 5. */
export function mqtt5Bytes(packet: MqttPacket): Buffer {
  return new MqttEncoder().encode(packet, 5) as Buffer;
}
