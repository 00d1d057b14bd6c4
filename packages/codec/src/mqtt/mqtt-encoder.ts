import { Buffer } from 'node:buffer';
import { EncodeError, type OutboundBytes } from '@headrace/core';
import { MessageToMessageEncoder } from '../base/message-to-message-encoder.ts';
import type { OtherMessagesOptions } from '../base/other-messages.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { writeVarint } from '../frame/varint-prepender.ts';
import { MQTT_TYPES, type MqttConnect, type MqttPacket, mqttFlagsOf } from './mqtt-packet.ts';
import { isMqttFilter, isMqttTopic } from './mqtt-topic.ts';
import { isGranted, isReturnCode, missingClientId } from './parse-mqtt-packet.ts';

const MAX_LENGTH = 268_435_455;
const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Writes control packets of MQTT 3.1 and 3.1.1.
 *
 * ```text
 *  BEFORE { type: 'pingreq' }   →  AFTER c0 00
 * ```
 *
 * - **Place** Next to {@link MqttDecoder}.
 * - **In** Outbound {@link MqttPacket}. Other messages are refused (`otherMessages`).
 * - **Out** `Buffer`.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for fields that the format does not allow, for example a missing packet identifier,
 *   a QoS of 3, or a wildcard in a topic to publish to. `HR_ERR_MESSAGE_TOO_LONG` for a packet over 268,435,455 bytes. Both
 *   errors fail the write.
 * - **State** None. One instance can serve all channels.
 * - **Cost** One copy of the payload. A broadcast to a group is encoded once.
 * - **Pitfalls** QoS 1 and 2 need a packet identifier for each receiver, so that such a message cannot be broadcast.
 *
 * @example
 * ```ts run
 * import { MqttEncoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new MqttEncoder());
 * channel.writeOutbound({ type: 'pingreq' });
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints c000
 * ```
 * @see Netty's `MqttEncoder`
 */
export class MqttEncoder extends MessageToMessageEncoder<MqttPacket, OutboundBytes> {
  override readonly sharable = true;
  protected override readonly broadcastKey = 'MqttEncoder';

  constructor(options: OtherMessagesOptions = {}) {
    super(options, BYTES_AND_VALUES);
  }

  override encodes(message: unknown): boolean {
    if (typeof message !== 'object' || message === null) return false;
    return MQTT_TYPES.indexOf((message as MqttPacket).type) > 0;
  }

  override encode(packet: MqttPacket): OutboundBytes {
    const body = Buffer.concat(bodyOf(packet));
    if (body.length > MAX_LENGTH) {
      throw new EncodeError(
        'MESSAGE_TOO_LONG',
        `a packet has ${body.length} bytes, but at most ${MAX_LENGTH} are allowed`,
      );
    }
    const first = (MQTT_TYPES.indexOf(packet.type) << 4) | flagsOf(packet);
    const head = Buffer.of(first, 0, 0, 0, 0);
    return Buffer.concat([head.subarray(0, writeVarint(head, 1, body.length)), body]);
  }
}

function flagsOf(packet: MqttPacket): number {
  if (packet.type !== 'publish') return mqttFlagsOf(packet.type);
  const { dup, qos, retain } = packet;
  if (dup && qos === 0) throw refuse('a publish with QoS 0 cannot be a duplicate');
  return (dup ? 8 : 0) | (checkQos(qos) << 1) | (retain ? 1 : 0);
}

function bodyOf(packet: MqttPacket): Uint8Array[] {
  switch (packet.type) {
    case 'connect':
      return connectBody(packet);
    case 'connack':
      if (!isReturnCode(packet.returnCode)) throw refuse(`return code ${packet.returnCode}`);
      return [Buffer.of(packet.sessionPresent ? 1 : 0, packet.returnCode)];
    case 'publish': {
      const id = packet.qos === 0 ? EMPTY : idBytes(packet.packetId);
      return [topicBytes(packet.topic), id, packet.payload];
    }
    case 'subscribe': {
      const { packetId, subscriptions } = packet;
      if (subscriptions.length === 0) throw refuse('a subscribe without subscriptions');
      const parts = subscriptions.flatMap(({ topic, qos }) => [
        filterBytes(topic),
        Buffer.of(checkQos(qos)),
      ]);
      return [idBytes(packetId), ...parts];
    }
    case 'suback': {
      if (packet.granted.length === 0) throw refuse('a suback without codes');
      const wrong = packet.granted.find((code) => !isGranted(code));
      if (wrong !== undefined) throw refuse(`a suback with the code ${wrong}`);
      return [idBytes(packet.packetId), Buffer.from(packet.granted)];
    }
    case 'unsubscribe':
      if (packet.topics.length === 0) throw refuse('an unsubscribe without topics');
      return [idBytes(packet.packetId), ...packet.topics.map(filterBytes)];
    case 'pingreq':
    case 'pingresp':
    case 'disconnect':
      return [];
    default:
      return [idBytes(packet.packetId)];
  }
}

function connectBody(packet: MqttConnect): Uint8Array[] {
  const { will, username, password, protocolLevel } = packet;
  if (protocolLevel !== 3 && protocolLevel !== 4) throw refuse(`level ${protocolLevel}`);
  const why = missingClientId(packet);
  if (why !== undefined) throw refuse(why);
  if (password !== undefined && username === undefined) {
    throw refuse('a password without a username');
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
    text(packet.clientId),
    ...(will === undefined ? [] : [topicBytes(will.topic), binary(will.payload)]),
    ...(username === undefined ? [] : [text(username)]),
    ...(password === undefined ? [] : [binary(password)]),
  ];
}

function checkQos(qos: number): number {
  if (qos === 0 || qos === 1 || qos === 2) return qos;
  throw refuse(`QoS ${qos}`);
}

function idBytes(packetId: number | undefined): Buffer {
  if (packetId === undefined || packetId === 0) throw refuse('a packet identifier is missing');
  return uint16(packetId);
}

function uint16(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff) {
    return Buffer.of(value >> 8, value & 0xff);
  }
  throw refuse(`${value} does not fit two bytes`);
}

function binary(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint16(bytes.length), bytes]);
}

function topicBytes(topic: string): Buffer {
  if (isMqttTopic(topic)) return text(topic);
  throw refuse(`${JSON.stringify(topic)} is not a topic to publish to`);
}

function filterBytes(filter: string): Buffer {
  if (isMqttFilter(filter)) return text(filter);
  throw refuse(`${JSON.stringify(filter)} is not a topic filter`);
}

function text(value: string): Buffer {
  if (value.includes('\0')) throw refuse('a text has a zero in it');
  if (/\p{Surrogate}/u.test(value)) throw refuse('a text has half a surrogate pair');
  return binary(Buffer.from(value));
}

function refuse(why: string): EncodeError {
  return new EncodeError('MESSAGE_NOT_ENCODABLE', `no MQTT packet: ${why}`);
}
