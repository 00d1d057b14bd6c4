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

/** The packet of a first byte and the body behind the length. */
export function parseMqttPacket(first: number, body: Buffer): MqttPacket {
  const type = MQTT_TYPES[first >> 4];
  const flags = first & 0x0f;
  if (type === undefined) throw mqttCorrupt(`type ${first >> 4} is not known`);
  if (type !== 'publish' && flags !== mqttFlagsOf(type)) {
    throw mqttCorrupt(`flags ${flags} are not those of ${type}`);
  }
  const reader = new MqttReader(body);
  const packet = parseBody(type, flags, reader);
  if (!reader.isAtEnd) throw mqttCorrupt(`bytes are left over behind a ${type}`);
  return packet;
}

function parseBody(type: MqttPacket['type'], flags: number, reader: MqttReader): MqttPacket {
  switch (type) {
    case 'connect':
      return parseConnect(reader);
    case 'connack': {
      const acknowledge = reader.byte();
      if (acknowledge > 1) throw mqttCorrupt(`acknowledge flags ${acknowledge}`);
      return { type, sessionPresent: acknowledge === 1, returnCode: reader.byte() };
    }
    case 'publish':
      return parsePublish(flags, reader);
    case 'subscribe':
      return parseSubscribe(reader);
    case 'suback':
      return { type, packetId: reader.packetId(), granted: [...reader.rest()] };
    case 'unsubscribe': {
      const packetId = reader.packetId();
      const topics: string[] = [];
      do topics.push(reader.text());
      while (!reader.isAtEnd);
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
    throw mqttCorrupt(`protocol ${JSON.stringify(name.slice(0, 16))}, level ${protocolLevel}`);
  }
  const flags = reader.byte();
  if ((flags & 1) !== 0) throw mqttCorrupt('the reserved flag of a connect is set');
  const hasUsername = (flags & 0x80) !== 0;
  const hasPassword = (flags & 0x40) !== 0;
  if (hasPassword && !hasUsername) throw mqttCorrupt('a password without a username');
  const keepAliveSeconds = reader.uint16();
  const clientId = reader.text();
  const will = parseWill(flags, reader);
  const username = hasUsername ? { username: reader.text() } : {};
  const password = hasPassword ? { password: reader.binary() } : {};
  return {
    type: 'connect',
    protocolLevel,
    cleanSession: (flags & 2) !== 0,
    keepAliveSeconds,
    clientId,
    ...will,
    ...username,
    ...password,
  };
}

function parseWill(flags: number, reader: MqttReader): { readonly will?: MqttWill } {
  if ((flags & 4) === 0) {
    if ((flags & 0x38) !== 0) throw mqttCorrupt('flags of a will, but no will');
    return {};
  }
  const qos = qosOf((flags >> 3) & 3);
  const topic = reader.text();
  return { will: { topic, payload: reader.binary(), qos, retain: (flags & 0x20) !== 0 } };
}

function parsePublish(flags: number, reader: MqttReader): MqttPublish {
  const qos = qosOf((flags >> 1) & 3);
  const dup = (flags & 8) !== 0;
  if (dup && qos === 0) throw mqttCorrupt('a publish with QoS 0 cannot be a duplicate');
  const topic = reader.text();
  if (topic === '' || /[+#]/.test(topic)) {
    throw mqttCorrupt(`${JSON.stringify(topic.slice(0, 40))} is no topic to publish to`);
  }
  const packetId = qos === 0 ? {} : { packetId: reader.packetId() };
  const retain = (flags & 1) !== 0;
  return { type: 'publish', topic, qos, dup, retain, ...packetId, payload: reader.rest() };
}

function parseSubscribe(reader: MqttReader): MqttSubscribe {
  const packetId = reader.packetId();
  const subscriptions: { topic: string; qos: MqttQos }[] = [];
  do {
    const topic = reader.text();
    subscriptions.push({ topic, qos: qosOf(reader.byte()) });
  } while (!reader.isAtEnd);
  return { type: 'subscribe', packetId, subscriptions };
}

function qosOf(value: number): MqttQos {
  if (value === 0 || value === 1 || value === 2) return value;
  throw mqttCorrupt(`QoS ${value}`);
}
