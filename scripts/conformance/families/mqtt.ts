import {
  MqttDecoder,
  MqttEncoder,
  type MqttPacket,
  type MqttQos,
  type MqttWill,
} from '@headrace/codec';
import { decodedBy, encodedBy } from '../decoder-run.ts';
import { type Family, type MessageCase, messageFamily } from '../family.ts';

// biome-ignore lint/suspicious/noExplicitAny: a packet in Netty's words, each type with its own fields
type MqttEntry = any;

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (value: Uint8Array): string => Buffer.from(value).toString('hex');

// --- the will, which a file may write as an object or as fields of the packet ---

/** What a field of a will is about, by its name; bytes are in a field whose name ends in "Hex". */
type WillField = 'flag' | 'topic' | 'payload' | 'qos' | 'retain';

function willFieldOf(name: string): WillField {
  if (/^(?:is)?(?:flag)?$/i.test(name)) return 'flag';
  if (/topic/i.test(name)) return 'topic';
  if (/message|payload|body|bytes|data|hex/i.test(name)) return 'payload';
  if (/qos/i.test(name)) return 'qos';
  if (/retain/i.test(name)) return 'retain';
  throw new Error(`a will with a field that is not known: ${name}`);
}

const NAME_OF_WILL = /^(?:is|has)?will/i;

/** Each field of a packet's will with the value that is there. */
function willFields(entry: MqttEntry): [field: WillField, name: string, value: unknown][] {
  return Object.entries(entry).flatMap(([name, value]) => {
    if (!NAME_OF_WILL.test(name)) return [];
    const isObject = typeof value === 'object' && value !== null;
    const inner = Object.entries(
      isObject ? (value as object) : { [name.replace(NAME_OF_WILL, '')]: value },
    );
    return inner.map(([part, one]): [WillField, string, unknown] => [willFieldOf(part), part, one]);
  });
}

function willOf(entry: MqttEntry): { readonly will?: MqttWill } {
  const fields = willFields(entry);
  const find = (field: WillField): unknown => fields.find(([one]) => one === field)?.[2];
  const topic = find('topic');
  if (typeof topic !== 'string' || find('flag') === false) return {};
  const [, name = '', payload = ''] = fields.find(([field]) => field === 'payload') ?? [];
  return {
    will: {
      topic,
      payload: Buffer.from(String(payload), /hex$/i.test(name) ? 'hex' : 'utf8'),
      qos: Number(find('qos') ?? 0) as MqttQos,
      retain: Boolean(find('retain')),
    },
  };
}

/** A will of ours under the names of `like`. */
function willEntry(will: MqttWill | undefined, like: MqttEntry): Record<string, unknown> {
  const of = (field: WillField, name: string): unknown => {
    if (will === undefined)
      return { flag: false, topic: null, payload: null, qos: 0, retain: false }[field];
    if (field === 'flag') return true;
    if (field !== 'payload') return will[field];
    return Buffer.from(will.payload).toString(/hex$/i.test(name) ? 'hex' : 'utf8');
  };
  const entry: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(like)) {
    if (!NAME_OF_WILL.test(name)) continue;
    if (typeof value === 'object' && value !== null) {
      const parts = Object.keys(value).map((part) => [part, of(willFieldOf(part), part)]);
      entry[name] = will === undefined ? undefined : Object.fromEntries(parts);
    } else {
      const part = name.replace(NAME_OF_WILL, '');
      entry[name] = of(willFieldOf(part), part);
    }
  }
  // A will of which the file has no word must not pass for none.
  return will !== undefined && Object.keys(entry).length === 0 ? { will } : entry;
}

// --- packets ---

/** A packet of ours for one in Netty's words. */
function packetOf(entry: MqttEntry): MqttPacket {
  const type = entry.type.toLowerCase();
  if (type === 'publish') {
    const { topic, qos, retain, dup, packetId, payloadHex } = entry;
    const id = packetId === undefined ? {} : { packetId };
    return { type, topic, qos, retain, dup, ...id, payload: bytes(payloadHex) };
  }
  if (type !== 'connect') return { ...entry, type };
  return {
    type,
    protocolLevel: entry.protocolLevel,
    cleanSession: entry.cleanSession,
    keepAliveSeconds: entry.keepAlive,
    clientId: entry.clientId,
    ...willOf(entry),
    ...(entry.username === undefined ? {} : { username: entry.username }),
    ...(entry.passwordHex === undefined ? {} : { password: bytes(entry.passwordHex) }),
  };
}

/** A packet of ours in Netty's words, with every field that it has; `like` names those of a will. */
function entryOf(packet: MqttPacket, like: MqttEntry): MqttEntry {
  const isAtLeastOnce = ['pubrel', 'subscribe', 'unsubscribe'].includes(packet.type);
  const type = packet.type.toUpperCase();
  const head = { type, dup: false, qos: isAtLeastOnce ? 1 : 0, retain: false };
  if (packet.type === 'publish') {
    const { payload, ...fields } = packet;
    return { ...fields, type, payloadHex: hexOf(payload) };
  }
  if (packet.type !== 'connect') return { ...head, ...packet, type };
  const { will, password, keepAliveSeconds, ...fields } = packet;
  return {
    ...head,
    ...fields,
    type,
    protocolName: packet.protocolLevel === 3 ? 'MQIsdp' : 'MQTT',
    keepAlive: keepAliveSeconds,
    ...willEntry(will, like),
    ...(password === undefined ? {} : { passwordHex: hexOf(password) }),
  };
}

function sorted(entry: MqttEntry): MqttEntry {
  return Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The fields of the entries in one order: theirs means nothing. */
const run = messageFamily<MqttEntry>(
  (messages) => encodedBy(new MqttEncoder(), messages.map(packetOf)),
  (hex, messages) =>
    decodedBy<MqttPacket>(new MqttDecoder({ maxPacketBytes: 2 ** 28 }), hex).map((packet, index) =>
      sorted(entryOf(packet, messages[index] ?? {})),
    ),
);

export const mqtt: Family = ({ messages, hex, decoded }: MessageCase<MqttEntry>) =>
  run({ messages: messages.map(sorted), hex, decoded: decoded?.map(sorted) });
