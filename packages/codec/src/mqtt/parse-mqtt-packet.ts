import {
  MQTT_TYPES,
  type MqttConnect,
  type MqttPacket,
  type MqttPublish,
  type MqttQos,
  type MqttSubscribe,
  type MqttWill,
  mqttFlagsOf,
} from './mqtt-packet.ts';
import { MqttReader, mqttCorrupt } from './mqtt-reader.ts';
import { isMqttFilter, isMqttTopic } from './mqtt-topic.ts';

/** The highest return code of 3.1.1 and 3.1. Code 0 accepts, and 1 to 5 are reasons for a refusal. */
const MAX_RETURN_CODE = 5;
/** Return codes that answer an invalid CONNECT. */
const UNACCEPTABLE_PROTOCOL = 1;
const IDENTIFIER_REJECTED = 2;
/** The code of a refused subscription in a SUBACK. */
const REFUSED = 0x80;

/** Returns the packet with this first byte and this body. The body is the bytes after the length. */
export function parseMqttPacket(first: number, body: Buffer, maxPacketBytes: number): MqttPacket {
  const type = MQTT_TYPES[first >> 4];
  const flags = first & 0x0f;
  if (type === undefined) throw mqttCorrupt(`type ${first >> 4} is not known`);
  if (type !== 'publish' && flags !== mqttFlagsOf(type)) {
    throw mqttCorrupt(`flags ${flags} are not those of ${type}`);
  }
  const reader = new MqttReader(body, maxPacketBytes);
  const packet = parseBody(type, flags, reader);
  if (!reader.isAtEnd) throw mqttCorrupt(`bytes are left over after a ${type}`);
  return packet;
}

function parseBody(type: MqttPacket['type'], flags: number, reader: MqttReader): MqttPacket {
  switch (type) {
    case 'connect':
      return parseConnect(reader);
    case 'connack': {
      const acknowledge = reader.byte();
      if (acknowledge > 1) throw mqttCorrupt(`acknowledge flags ${acknowledge}`);
      const returnCode = reader.byte();
      if (!isReturnCode(returnCode)) throw mqttCorrupt(`return code ${returnCode}`);
      return { type, sessionPresent: acknowledge === 1, returnCode };
    }
    case 'publish':
      return parsePublish(flags, reader);
    case 'subscribe':
      return parseSubscribe(reader);
    case 'suback':
      return { type, packetId: reader.packetId(), granted: parseGranted(reader) };
    case 'unsubscribe': {
      const packetId = reader.packetId();
      const topics: string[] = [];
      do {
        reader.count(1);
        topics.push(parseFilter(reader));
      } while (!reader.isAtEnd);
      return { type, packetId, topics };
    }
    case 'pingreq':
    case 'pingresp':
    case 'disconnect':
      return { type };
    default:
      return { type, packetId: reader.packetId() };
  }
}

function parseConnect(reader: MqttReader): MqttConnect {
  const name = reader.text();
  const protocolLevel = reader.byte();
  if (!(name === 'MQTT' && protocolLevel === 4) && !(name === 'MQIsdp' && protocolLevel === 3)) {
    const got = `protocol ${JSON.stringify(name.slice(0, 16))}, level ${protocolLevel}`;
    throw mqttCorrupt(got, UNACCEPTABLE_PROTOCOL);
  }
  const flags = reader.byte();
  const cleanSession = (flags & 2) !== 0;
  if ((flags & 1) !== 0) throw mqttCorrupt('the reserved flag of a connect is set');
  const hasUsername = (flags & 0x80) !== 0;
  const hasPassword = (flags & 0x40) !== 0;
  if (hasPassword && !hasUsername) throw mqttCorrupt('a password without a username');
  const keepAliveSeconds = reader.uint16();
  const clientId = reader.text();
  const why = missingClientId({ protocolLevel, cleanSession, clientId });
  if (why !== undefined) throw mqttCorrupt(why, IDENTIFIER_REJECTED);
  const will = parseWill(flags, reader);
  const username = hasUsername ? { username: reader.text() } : {};
  const password = hasPassword ? { password: reader.binary() } : {};
  return {
    type: 'connect',
    protocolLevel,
    cleanSession,
    keepAliveSeconds,
    clientId,
    ...will,
    ...username,
    ...password,
  };
}

/** Returns the reason why this connect must have a client identifier, if it has none (MQTT 3.1.1, 3.1.3.1). */
export function missingClientId({
  protocolLevel,
  cleanSession,
  clientId,
}: Pick<MqttConnect, 'protocolLevel' | 'cleanSession' | 'clientId'>): string | undefined {
  if (clientId !== '') return undefined;
  if (protocolLevel === 3) return 'MQTT 3.1 has no empty client identifier';
  return cleanSession ? undefined : 'a kept session without a client identifier';
}

function parseWill(flags: number, reader: MqttReader): { readonly will?: MqttWill } {
  if ((flags & 4) === 0) {
    if ((flags & 0x38) !== 0) throw mqttCorrupt('flags of a will, but no will');
    return {};
  }
  const qos = qosOf((flags >> 3) & 3);
  const topic = parseTopic(reader);
  return { will: { topic, payload: reader.binary(), qos, retain: (flags & 0x20) !== 0 } };
}

function parsePublish(flags: number, reader: MqttReader): MqttPublish {
  const qos = qosOf((flags >> 1) & 3);
  const dup = (flags & 8) !== 0;
  if (dup && qos === 0) throw mqttCorrupt('a publish with QoS 0 cannot be a duplicate');
  const topic = parseTopic(reader);
  const packetId = qos === 0 ? {} : { packetId: reader.packetId() };
  const retain = (flags & 1) !== 0;
  return { type: 'publish', topic, qos, dup, retain, ...packetId, payload: reader.rest() };
}

function parseTopic(reader: MqttReader): string {
  const topic = reader.text();
  if (isMqttTopic(topic)) return topic;
  throw mqttCorrupt(`${JSON.stringify(topic.slice(0, 40))} is not a topic to publish to`);
}

function parseFilter(reader: MqttReader): string {
  const filter = reader.text();
  if (isMqttFilter(filter)) return filter;
  throw mqttCorrupt(`${JSON.stringify(filter.slice(0, 40))} is not a topic filter`);
}

function parseSubscribe(reader: MqttReader): MqttSubscribe {
  const packetId = reader.packetId();
  const subscriptions: { topic: string; qos: MqttQos }[] = [];
  do {
    reader.count(1);
    const topic = parseFilter(reader);
    subscriptions.push({ topic, qos: qosOf(reader.byte()) });
  } while (!reader.isAtEnd);
  return { type: 'subscribe', packetId, subscriptions };
}

function parseGranted(reader: MqttReader): number[] {
  const codes = reader.rest();
  if (codes.length === 0) throw mqttCorrupt('a suback without codes');
  reader.count(codes.length);
  const wrong = codes.find((code) => !isGranted(code));
  if (wrong !== undefined) throw mqttCorrupt(`a suback with the code ${wrong}`);
  return [...codes];
}

export function isReturnCode(code: number): boolean {
  return Number.isInteger(code) && code >= 0 && code <= MAX_RETURN_CODE;
}

export function isGranted(code: number): boolean {
  return code === 0 || code === 1 || code === 2 || code === REFUSED;
}

function qosOf(value: number): MqttQos {
  if (value === 0 || value === 1 || value === 2) return value;
  throw mqttCorrupt(`QoS ${value}`);
}
