import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';
import { type Answer, encode, TRUNCATED_RESPONSE } from 'dns-packet';
import { checkWellFormed } from '../base/utf8.ts';
import { type DnsPacket, isOpt, packetOf } from './dns-message.ts';

const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 253;
const MAX_TEXT_BYTES = 255;
/** The library drops a dot beside a line break. */
const LINE_BREAK = /[\n\r\u2028\u2029]/;
const MAX_BYTES = 65_535;
/** Records whose data is a name, and the fields in the data of other records that are names. */
const NAME_TYPES: ReadonlySet<string> = new Set(['CNAME', 'DNAME', 'NS', 'PTR']);
const NAME_FIELDS = ['exchange', 'target', 'mname', 'rname', 'mbox', 'replacement', 'signersName'];

/**
 * Returns the bytes of a message. Throws an `EncodeError` for a name or text that DNS cannot represent. The library would write a
 * different name or text without an error.
 */
export function formatDns(packet: DnsPacket): Buffer {
  for (const { name } of packet.questions ?? []) checkName(name);
  for (const record of packet.answers ?? []) checkRecord(record);
  for (const record of packet.authorities ?? []) checkRecord(record);
  for (const record of packet.additionals ?? []) checkRecord(record);
  const bytes = encode(packetOf(packet));
  if (bytes.length <= MAX_BYTES) return bytes;
  throw new EncodeError(
    'MESSAGE_TOO_LONG',
    `a DNS message has ${bytes.length} bytes, but at most ${MAX_BYTES} are allowed`,
    {
      bytes: bytes.length,
      most: MAX_BYTES,
    },
  );
}

/**
 * Returns the bytes of a datagram. An answer above the limit is written without its records, so that the client repeats its query
 * over TCP.
 */
export function formatDnsDatagram(packet: DnsPacket, limit: number): Buffer {
  const bytes = formatDns(packet);
  if (bytes.length <= limit || packet.type !== 'response') return bytes;
  return formatDns({
    ...packet,
    flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE,
    answers: [],
    authorities: [],
    additionals: packet.additionals?.filter(isOpt),
  });
}

function checkRecord(record: Answer): void {
  checkName(record.name);
  if (isOpt(record)) return;
  const { type } = record;
  const data: unknown = record.data;
  if (NAME_TYPES.has(type)) checkName(data);
  else if (type === 'TXT') for (const text of [data].flat()) checkText(text);
  else if (typeof data === 'object' && data !== null && !Buffer.isBuffer(data)) {
    for (const field of NAME_FIELDS)
      if (Object.hasOwn(data, field)) checkName(Reflect.get(data, field));
  }
}

function checkName(name: unknown): void {
  if (name === '.' || name === '') return;
  const text = typeof name === 'string' ? name.replace(/^\.|\.$/g, '') : '';
  checkWellFormed(text);
  const isFit = (label: string): boolean => {
    const bytes = Buffer.byteLength(label);
    return bytes > 0 && bytes <= MAX_LABEL_BYTES;
  };
  const isShort = Buffer.byteLength(text) <= MAX_NAME_BYTES;
  if (isShort && !LINE_BREAK.test(text) && text.split('.').every(isFit)) return;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `${JSON.stringify(name)} is not a name of the DNS: labels have 1 to ${MAX_LABEL_BYTES} bytes without line breaks, all together ${MAX_NAME_BYTES}`,
  );
}

function checkText(text: unknown): void {
  if (typeof text === 'string') checkWellFormed(text);
  const bytes =
    typeof text === 'string' || text instanceof Uint8Array ? Buffer.byteLength(text) : -1;
  if (bytes >= 0 && bytes <= MAX_TEXT_BYTES) return;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `a text of a TXT record has at most ${MAX_TEXT_BYTES} bytes, not ${bytes}: give an array of shorter ones`,
    { bytes, most: MAX_TEXT_BYTES },
  );
}
