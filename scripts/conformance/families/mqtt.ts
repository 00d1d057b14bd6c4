import {
  MqttDecoder,
  MqttEncoder,
  type MqttPacket,
  type MqttQos,
  type MqttWill,
} from '@headrace/mqtt';
import { decodedBy, encodedBy } from '../decoder-run.ts';
import { type Family, type MessageCase, messageFamily } from '../family.ts';

// biome-ignore lint/suspicious/noExplicitAny: a packet in Netty's words, each type with its own fields
type MqttEntry = any;

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const hexOf = (value: Uint8Array): string => Buffer.from(value).toString('hex');

// --- the will, which a file may write as an object or as fields of the packet ---

/** A will in one form; nobody has all fields of none. */
interface Will {
  flag: boolean;
  topic: string | null;
  payloadHex: string | null;
  qos: number;
  retain: boolean;
}

const NO_WILL: Will = { flag: false, topic: null, payloadHex: null, qos: 0, retain: false };
const NAME_OF_WILL = /^(?:is|has)?will/i;

/** Part of a will, by the name that a file has for it; bytes are in a field whose name ends in "Hex". */
function willPart(name: string, value: unknown): Partial<Will> {
  if (value === null) return {};
  if (/^(?:is)?(?:flag)?$/i.test(name)) return { flag: value as boolean };
  if (/topic/i.test(name)) return { flag: true, topic: value as string };
  if (/message|payload|body|bytes|data|hex/i.test(name))
    return { payloadHex: /hex$/i.test(name) ? String(value) : hexOf(Buffer.from(String(value))) };
  if (/qos/i.test(name)) return { qos: value as number };
  if (/retain/i.test(name)) return { retain: value as boolean };
  throw new Error(`a will with a field that is not known: ${name}`);
}

/** A packet of a file with its will in the one form, and its fields in one order: theirs means nothing. */
function inOneForm(entry: MqttEntry): MqttEntry {
  const fields: [string, unknown][] = [];
  const will = { ...NO_WILL };
  for (const [name, value] of Object.entries(entry)) {
    const isObject = typeof value === 'object' && value !== null;
    const inner = isObject ? value : { [name.replace(NAME_OF_WILL, '')]: value };
    if (!NAME_OF_WILL.test(name)) fields.push([name, value]);
    else for (const part of Object.entries(inner)) Object.assign(will, willPart(...part));
  }
  if (entry.type === 'CONNECT') fields.push(['will', will]);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function willOf({ flag, topic, payloadHex, qos, retain }: Will): { readonly will?: MqttWill } {
  if (!flag || topic === null) return {};
  return { will: { topic, payload: bytes(payloadHex ?? ''), qos: qos as MqttQos, retain } };
}

function willEntry(will: MqttWill | undefined): Will {
  if (will === undefined) return NO_WILL;
  const { payload, ...fields } = will;
  return { ...NO_WILL, ...fields, flag: true, payloadHex: hexOf(payload) };
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
    ...willOf(entry.will),
    ...(entry.username === undefined ? {} : { username: entry.username }),
    ...(entry.passwordHex === undefined ? {} : { password: bytes(entry.passwordHex) }),
  };
}

/** A packet of ours in Netty's words, with every field that it has. */
function entryOf(packet: MqttPacket): MqttEntry {
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
    will: willEntry(will),
    ...(password === undefined ? {} : { passwordHex: hexOf(password) }),
  };
}

const run = messageFamily<MqttEntry>(
  (messages) => encodedBy(new MqttEncoder(), messages.map(packetOf)),
  (hex) =>
    decodedBy<MqttPacket>(new MqttDecoder({ maxPacketBytes: 2 ** 28 }), hex)
      .map(entryOf)
      .map(inOneForm),
);

/** CONNACK with a session and a return code, which [MQTT-3.2.2-4] forbids, and which only Netty writes and reads. */
const REFUSAL_WITH_SESSION = /^200201(?!00)/;

function isRefusalWithSession({ type, sessionPresent, returnCode }: MqttEntry): boolean {
  return type === 'CONNACK' && sessionPresent === true && returnCode !== 0;
}

/** A packet that ours refuses is taken out of the case. The bytes for it must be its own, and all others as in any case. */
function withoutRefusals({ messages, hex, decoded }: MessageCase<MqttEntry>) {
  let rest = hex;
  const others: MqttEntry[] = [];
  for (const message of messages) {
    if (!isRefusalWithSession(message)) others.push(message);
    else {
      const at = encodedBy(new MqttEncoder(), others.map(packetOf)).length;
      const own = rest.slice(at, at + 8);
      if (!REFUSAL_WITH_SESSION.test(own) || own.slice(6) !== byteHex(message.returnCode)) return;
      rest = rest.slice(0, at) + rest.slice(at + 8);
    }
  }
  const read = decoded?.filter((entry) => !isRefusalWithSession(entry));
  return { messages: others, hex: rest, ...(read === undefined ? {} : { decoded: read }) };
}

const byteHex = (value: number): string => value.toString(16).padStart(2, '0');

export const mqtt: Family = ({ messages, hex, decoded }: MessageCase<MqttEntry>) => {
  const read = decoded?.map(inOneForm);
  const inForm = {
    messages: messages.map(inOneForm),
    hex,
    ...(read === undefined ? {} : { decoded: read }),
  };
  if (!messages.some(isRefusalWithSession)) return run(inForm);
  const others = withoutRefusals(inForm);
  if (others === undefined) return { outcome: 'failed', detail: 'a refusal has other bytes' };
  const result = run(others);
  if (result.outcome === 'failed') return result;
  return { outcome: 'skipped', reason: 'only Netty takes a session with a refusal (MQTT-3.2.2-4)' };
};
