import { Buffer } from 'node:buffer';
import { binary, refuse, text, uint16, uint32, varint } from './mqtt-fields.ts';
import {
  MQTT_PROPERTIES,
  type MqttProperties,
  type MqttPropertiesOwner,
  type MqttProperty,
} from './mqtt-properties.ts';
import { faultOfMqttProperty } from './parse-mqtt-properties.ts';

/** Returns the properties of a packet of MQTT 5 with their length before them. */
export function mqttPropertyBytes(
  owner: MqttPropertiesOwner,
  properties: MqttProperties = {},
): Uint8Array[] {
  const parts = Object.entries(properties)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => bytesOf(owner, name, value));
  if (properties.authenticationData && properties.authenticationMethod === undefined) {
    throw refuse('authentication data without a method');
  }
  return [varint(parts.reduce((sum, { length }) => sum + length, 0)), ...parts];
}

function bytesOf(owner: MqttPropertiesOwner, name: string, value: unknown): Uint8Array[] {
  const property = Object.hasOwn(MQTT_PROPERTIES, name)
    ? (MQTT_PROPERTIES[name as keyof MqttProperties] as MqttProperty)
    : undefined;
  if (property === undefined || !(property.owners as readonly string[]).includes(owner)) {
    throw refuse(`a ${owner} has no property ${name}`);
  }
  if (property.isList && !Array.isArray(value)) throw refuse(`${name} is not a list`);
  const values: readonly unknown[] = property.isList ? (value as unknown[]) : [value];
  return values.map((one) => {
    const why = faultOfMqttProperty(property, one);
    if (why !== undefined) throw refuse(`${name} ${why}`);
    return Buffer.concat([Buffer.of(property.id), valueBytes(property, one)]);
  });
}

function valueBytes({ format }: MqttProperty, value: unknown): Buffer {
  switch (format) {
    case 'flag':
    case 'bit':
      return Buffer.of(Number(value));
    case 'uint16':
      return uint16(value as number);
    case 'uint32':
      return uint32(value as number);
    case 'varint':
      return varint(value as number);
    case 'text':
      return text(value as string);
    case 'binary':
      return binary(value as Uint8Array);
    default:
      return Buffer.concat((value as string[]).map(text));
  }
}
