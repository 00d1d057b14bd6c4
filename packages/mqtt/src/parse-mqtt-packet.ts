import {
  MQTT_TYPES,
  type MqttAcknowledgement,
  type MqttAuth,
  type MqttConnack,
  type MqttConnect,
  type MqttDisconnect,
  type MqttPacket,
  type MqttPublish,
  type MqttQos,
  type MqttSubscribe,
  type MqttSubscription,
  type MqttWill,
  mqttFlagsOf,
} from './mqtt-packet.ts';
import { MqttReader, mqttCorrupt } from './mqtt-reader.ts';
import { isReasonOf, isReturnCode, MQTT_REASONS, type ReasonedType } from './mqtt-reasons.ts';
import { isMqttFilter, isMqttShare, isMqttTopic, mqttShareOf } from './mqtt-topic.ts';
import { parseMqttProperties } from './parse-mqtt-properties.ts';

/** Return codes of 3.1.1 that answer an invalid CONNECT. */
const UNACCEPTABLE_PROTOCOL = 1;
const IDENTIFIER_REJECTED = 2;
/** The code of a refused subscription in a SUBACK of 3.1.1. */
export const REFUSED = 0x80;
const BRIDGE = 0x80;

/** What the parser must know of a connection. */
export interface MqttParsing {
  /** Level of the connection. A CONNECT has a level of its own. */
  readonly level: number;
  /** Levels of a CONNECT that are accepted. */
  readonly levels: readonly number[];
  readonly maxPacketBytes: number;
}

/** Returns the packet with this first byte and this body. The body is the bytes after the length. */
export function parseMqttPacket(first: number, body: Buffer, parsing: MqttParsing): MqttPacket {
  const type = MQTT_TYPES[first >> 4];
  const flags = first & 0x0f;
  const level = type === 'connect' ? 0 : parsing.level;
  const reader = new MqttReader(body, parsing.maxPacketBytes, level);
  if (type === undefined || (type === 'auth' && level !== 5)) {
    throw reader.fault(`type ${first >> 4} is not known`);
  }
  if (type !== 'publish' && !hasFlags(type, flags, level)) {
    throw reader.fault(`flags ${flags} are not those of ${type}`);
  }
  const packet = parseBody(type, flags, reader, parsing.levels);
  if (!reader.isAtEnd) throw reader.fault(`bytes are left over after a ${type}`);
  return packet;
}

/** In MQTT 3.1, a packet that is acknowledged and was possibly sent before is marked as a duplicate (3.1, section 2.1). */
function hasFlags(type: MqttPacket['type'], flags: number, level: number): boolean {
  const wanted = mqttFlagsOf(type);
  return flags === wanted || (level === 3 && wanted !== 0 && flags === (wanted | 8));
}

function parseBody(
  type: MqttPacket['type'],
  flags: number,
  reader: MqttReader,
  levels: readonly number[],
): MqttPacket {
  switch (type) {
    case 'connect':
      return parseConnect(reader, levels);
    case 'connack':
      return parseConnack(reader);
    case 'publish':
      return parsePublish(flags, reader);
    case 'subscribe':
      return parseSubscribe(reader);
    case 'suback': {
      const packetId = reader.packetId();
      const properties = parseMqttProperties(reader, 'suback');
      return { type, packetId, granted: parseCodes(type, reader), ...properties };
    }
    case 'unsubscribe': {
      const packetId = reader.packetId();
      const properties = parseMqttProperties(reader, 'unsubscribe');
      const topics: string[] = [];
      do {
        reader.count(1);
        topics.push(parseFilter(reader));
      } while (!reader.isAtEnd);
      return { type, packetId, topics, ...properties };
    }
    case 'unsuback': {
      const packetId = reader.packetId();
      if (reader.level !== 5) return { type, packetId };
      const properties = parseMqttProperties(reader, 'unsuback');
      return { type, packetId, reasonCodes: parseCodes(type, reader), ...properties };
    }
    case 'pingreq':
    case 'pingresp':
      return { type };
    case 'disconnect':
    case 'auth':
      return parseReasoned(type, {}, reader);
    default:
      return parseReasoned(type, { packetId: reader.packetId() }, reader);
  }
}

function parseConnect(reader: MqttReader, levels: readonly number[]): MqttConnect {
  const protocolLevel = parseLevel(reader, levels);
  const flags = reader.byte();
  const cleanSession = (flags & 2) !== 0;
  const isOldest = protocolLevel === 3;
  if ((flags & 1) !== 0 && !isOldest) throw reader.fault('the reserved flag of a connect is set');
  const hasUsername = (flags & 0x80) !== 0;
  const hasPassword = (flags & 0x40) !== 0;
  if (hasPassword && !hasUsername && protocolLevel !== 5) {
    throw reader.fault('a password without a username');
  }
  const keepAliveSeconds = reader.uint16();
  const properties = parseMqttProperties(reader, 'connect');
  const clientId = reader.text();
  const why = missingClientId({ protocolLevel, cleanSession, clientId });
  if (why !== undefined) throw mqttCorrupt(why, { returnCode: IDENTIFIER_REJECTED });
  const will = parseWill(flags, reader);
  // In MQTT 3.1, the length of the packet takes precedence over these flags (3.1, section 3.1).
  const isMissing = () => isOldest && reader.isAtEnd;
  const username = hasUsername && !isMissing() ? { username: reader.text() } : {};
  const password = hasPassword && !isMissing() ? { password: reader.binary() } : {};
  return {
    type: 'connect',
    protocolLevel,
    cleanSession,
    keepAliveSeconds,
    clientId,
    ...will,
    ...username,
    ...password,
    ...properties,
  };
}

/** Reads the name and the level. A level that is not accepted is answered in the form of 3.1.1, unless it is newer than MQTT 5. */
function parseLevel(reader: MqttReader, levels: readonly number[]): number {
  const name = reader.text();
  const level = reader.byte();
  if (name === (level === 3 ? 'MQIsdp' : 'MQTT') && levels.includes(level)) {
    reader.level = level;
    return level;
  }
  const got = `protocol ${JSON.stringify(name.slice(0, 16))}, level ${level}`;
  const isNewer = name === 'MQTT' && level > 5 && level < BRIDGE && levels.includes(5);
  throw mqttCorrupt(
    got,
    isNewer
      ? { reasonCode: MQTT_REASONS.unsupportedProtocolVersion }
      : { returnCode: UNACCEPTABLE_PROTOCOL },
  );
}

/**
 * Returns the reason why this connect must have a client identifier, if it has none (MQTT 3.1.1, 3.1.3.1). A server of MQTT 5 may
 * choose one.
 */
export function missingClientId({
  protocolLevel,
  cleanSession,
  clientId,
}: Pick<MqttConnect, 'protocolLevel' | 'cleanSession' | 'clientId'>): string | undefined {
  if (clientId !== '' || protocolLevel === 5) return undefined;
  if (protocolLevel === 3) return 'MQTT 3.1 has no empty client identifier';
  return cleanSession ? undefined : 'a kept session without a client identifier';
}

function parseWill(flags: number, reader: MqttReader): { readonly will?: MqttWill } {
  if ((flags & 4) === 0) {
    // MQTT 3.1 disregards them.
    if ((flags & 0x38) !== 0 && reader.level !== 3) {
      throw reader.fault('flags of a will, but no will');
    }
    return {};
  }
  const qos = qosOf((flags >> 3) & 3, reader);
  const retain = (flags & 0x20) !== 0;
  const properties = parseMqttProperties(reader, 'will');
  const topic = checkTopic(reader.text(), reader);
  return { will: { topic, payload: reader.binary(), qos, retain, ...properties } };
}

function parseConnack(reader: MqttReader): MqttConnack {
  const acknowledge = reader.byte();
  // MQTT 3.1 does not use this byte: its server does not say whether there is a session.
  const isUsed = reader.level !== 3;
  if (acknowledge > 1 && isUsed) throw reader.fault(`acknowledge flags ${acknowledge}`);
  const sessionPresent = acknowledge === 1 && isUsed;
  const returnCode = reader.byte();
  const isRight = reader.level === 5 ? isReasonOf('connack', returnCode) : isReturnCode(returnCode);
  if (!isRight) throw reader.fault(`return code ${returnCode}`);
  if (sessionPresent && returnCode !== 0) {
    throw reader.fault('a session with a refusal', MQTT_REASONS.protocolError);
  }
  const properties = parseMqttProperties(reader, 'connack');
  return { type: 'connack', sessionPresent, returnCode, ...properties };
}

function parsePublish(flags: number, reader: MqttReader): MqttPublish {
  const qos = qosOf((flags >> 1) & 3, reader);
  const dup = (flags & 8) !== 0;
  if (dup && qos === 0) throw reader.fault('a publish with QoS 0 cannot be a duplicate');
  const topic = reader.text();
  const packetId = qos === 0 ? {} : { packetId: reader.packetId() };
  const properties = parseMqttProperties(reader, 'publish');
  if (topic !== '' || reader.level !== 5) checkTopic(topic, reader);
  else if (properties.properties?.topicAlias === undefined) {
    throw reader.fault('neither a topic nor an alias', MQTT_REASONS.protocolError);
  }
  const retain = (flags & 1) !== 0;
  const payload = reader.rest();
  return { type: 'publish', topic, qos, dup, retain, ...packetId, payload, ...properties };
}

/** Reads the end of a packet that may have a reason code and properties. Both are absent for a success without properties. */
function parseReasoned<T extends MqttAcknowledgement | MqttDisconnect | MqttAuth, F extends object>(
  type: T['type'],
  fields: F,
  reader: MqttReader,
): T {
  const head = { type, ...fields };
  if (reader.level !== 5 || reader.isAtEnd) return head as unknown as T;
  const reasonCode = reader.byte();
  checkReason(type, reasonCode, reader);
  const owner: 'disconnect' | 'auth' | 'puback' =
    type === 'disconnect' || type === 'auth' ? type : 'puback';
  const properties = reader.isAtEnd ? {} : parseMqttProperties(reader, owner);
  return { ...head, ...(reasonCode === 0 ? {} : { reasonCode }), ...properties } as unknown as T;
}

function checkReason(type: ReasonedType, code: number, reader: MqttReader): void {
  if (!isReasonOf(type, code)) throw reader.fault(`${type} has the code ${code}`);
}

function checkTopic(topic: string, reader: MqttReader): string {
  if (isMqttTopic(topic)) return topic;
  throw reader.fault(`${JSON.stringify(topic.slice(0, 40))} is not a topic to publish to`);
}

function parseFilter(reader: MqttReader): string {
  const filter = reader.text();
  if (isMqttFilterAt(reader.level, filter)) return filter;
  throw reader.fault(`${JSON.stringify(filter.slice(0, 40))} is not a topic filter`);
}

/** Returns true for a filter of a subscription at this level. Only MQTT 5 has shared subscriptions. */
export function isMqttFilterAt(level: number, filter: string): boolean {
  if (!isMqttFilter(filter)) return false;
  return level !== 5 || !isMqttShare(filter) || mqttShareOf(filter) !== undefined;
}

function parseSubscribe(reader: MqttReader): MqttSubscribe {
  const packetId = reader.packetId();
  const properties = parseMqttProperties(reader, 'subscribe');
  const subscriptions: MqttSubscription[] = [];
  do {
    reader.count(1);
    const topic = parseFilter(reader);
    subscriptions.push({ topic, ...parseSubscriptionOptions(topic, reader) });
  } while (!reader.isAtEnd);
  return { type: 'subscribe', packetId, subscriptions, ...properties };
}

function parseSubscriptionOptions(
  topic: string,
  reader: MqttReader,
): Omit<MqttSubscription, 'topic'> {
  const bits = reader.byte();
  if (reader.level !== 5) return { qos: qosOf(bits, reader) };
  const qos = qosOf(bits & 3, reader);
  const noLocal = (bits & 4) !== 0;
  const retainAsPublished = (bits & 8) !== 0;
  const retainHandling = (bits >> 4) & 3;
  if (bits > 0x3f) throw reader.fault('the reserved bits of a subscription are set');
  if (retainHandling === 3) {
    throw reader.fault('retain handling 3', MQTT_REASONS.protocolError);
  }
  if (noLocal && isMqttShare(topic)) {
    throw reader.fault('no local with a shared subscription', MQTT_REASONS.protocolError);
  }
  return {
    qos,
    ...(noLocal ? { noLocal } : {}),
    ...(retainAsPublished ? { retainAsPublished } : {}),
    ...(retainHandling === 1 || retainHandling === 2 ? { retainHandling } : {}),
  };
}

function parseCodes(type: 'suback' | 'unsuback', reader: MqttReader): number[] {
  const codes = reader.rest();
  if (codes.length === 0) throw reader.fault(`${type} has no codes`);
  reader.count(codes.length);
  const wrong = codes.find((code) => !isCodeAt(reader.level, type, code));
  if (wrong !== undefined) throw reader.fault(`${type} has the code ${wrong}`);
  return [...codes];
}

/** Returns true for a code of a SUBACK or UNSUBACK at this level. */
export function isCodeAt(level: number, type: 'suback' | 'unsuback', code: number): boolean {
  return level === 5 ? isReasonOf(type, code) : isGranted(code);
}

function isGranted(code: number): boolean {
  return code === 0 || code === 1 || code === 2 || code === REFUSED;
}

function qosOf(value: number, reader: MqttReader): MqttQos {
  if (value === 0 || value === 1 || value === 2) return value;
  throw reader.fault(`QoS ${value}`);
}
