import {
  type MqttPropertiesOf,
  type MqttPropertiesOwner,
  type MqttProperty,
  mqttPropertyOf,
} from './mqtt-properties.ts';
import type { MqttReader } from './mqtt-reader.ts';
import { MQTT_REASONS } from './mqtt-reasons.ts';
import { isMqttTopic } from './mqtt-topic.ts';

type Properties<T extends MqttPropertiesOwner> = { readonly properties?: MqttPropertiesOf<T> };

/** Reads the properties of a packet of MQTT 5. Returns an empty object if there are none, and in the older versions. */
export function parseMqttProperties<T extends MqttPropertiesOwner>(
  reader: MqttReader,
  owner: T,
): Properties<T> {
  if (reader.level !== 5) return {};
  const length = reader.varint();
  if (length === 0) return {};
  const found: Record<string, unknown> = {};
  reader.within(length, () => parseProperty(reader, owner, found));
  if (found['authenticationData'] !== undefined && found['authenticationMethod'] === undefined) {
    throw reader.fault('authentication data without a method', MQTT_REASONS.protocolError);
  }
  return { properties: found as MqttPropertiesOf<T> };
}

function parseProperty(
  reader: MqttReader,
  owner: MqttPropertiesOwner,
  found: Record<string, unknown>,
): void {
  const id = reader.varint();
  const row = mqttPropertyOf(owner, id);
  if (row === undefined) throw reader.fault(`a ${owner} has no property ${id}`);
  const [name, property] = row;
  const value = parseValue(reader, property);
  const why = faultOfMqttProperty(property, value);
  if (why !== undefined) throw reader.fault(`${name} ${why}`, MQTT_REASONS.protocolError);
  if (property.isList) {
    reader.count(property.format === 'pair' ? 2 : 1);
    const values = found[name] as unknown[] | undefined;
    if (values === undefined) found[name] = [value];
    else values.push(value);
  } else {
    if (found[name] !== undefined) {
      throw reader.fault(`${name} occurs more than once`, MQTT_REASONS.protocolError);
    }
    found[name] = value;
  }
}

function parseValue(reader: MqttReader, { format }: MqttProperty): unknown {
  switch (format) {
    case 'flag':
    case 'bit': {
      const byte = reader.byte();
      // A wrong byte stays a number, which is refused.
      return format === 'bit' || byte > 1 ? byte : byte === 1;
    }
    case 'uint16':
      return reader.uint16();
    case 'uint32':
      return reader.uint32();
    case 'varint':
      return reader.varint();
    case 'text':
      return reader.text();
    case 'binary':
      return reader.binary();
    default:
      return [reader.text(), reader.text()];
  }
}

const MAX_VALUES: { readonly [format: string]: number } = {
  bit: 1,
  uint16: 0xffff,
  uint32: 0xffff_ffff,
  varint: 268_435_455,
};

/** Returns the reason why one value of a property is wrong. The reason follows the name of the property. */
export function faultOfMqttProperty(property: MqttProperty, value: unknown): string | undefined {
  const { format, min = 0, isTopic = false } = property;
  switch (format) {
    case 'flag':
      return typeof value === 'boolean' ? undefined : 'is neither false (0) nor true (1)';
    case 'text':
      if (typeof value !== 'string') return 'is not a text';
      return isTopic && !isMqttTopic(value) ? 'is not a topic to publish to' : undefined;
    case 'binary':
      return value instanceof Uint8Array ? undefined : 'is not bytes';
    case 'pair': {
      const isPair = Array.isArray(value) && value.length === 2;
      return isPair && value.every((part) => typeof part === 'string')
        ? undefined
        : 'has an entry that is not a name and a value';
    }
    default: {
      const most = MAX_VALUES[format]!;
      const isRight = Number.isInteger(value) && Number(value) >= min && Number(value) <= most;
      return isRight ? undefined : `is ${String(value)}, not ${min} to ${most}`;
    }
  }
}
