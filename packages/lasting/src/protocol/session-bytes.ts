import { Buffer } from 'node:buffer';
import { type Address, DecodeError } from '@headrace/core';
import { SECRET_BYTES } from './resume-frame.ts';
import type { MachineState } from './resume-machine.ts';

/** A lasting channel in the form that one process passes to another. */
export interface SessionState extends MachineState {
  /** Messages that wait for the client's credit, behind the kept messages. */
  readonly waiting: readonly Buffer[];
  /** Whether the channel has closed and its output waits for the client. */
  readonly isClosed: boolean;
  /** Whether the client has signed in. */
  readonly isKnown: boolean;
  /** Last address of the client. */
  readonly remote: Address | undefined;
  /** `PRINCIPAL` of the channel, if it is plain data. */
  readonly principal: unknown;
  /** State that the application has saved. */
  readonly saved: unknown;
}

const PREFIX_BYTES = 5;
const LENGTH_BYTES = 4;
/** Message counts have 6 bytes in frames. */
const MAX_COUNT = 2 ** 48 - 1;

/** The state without its messages, and the number of messages that were sent to the client or can be sent at once. */
export type SessionHeader = Omit<SessionState, 'kept' | 'waiting'> & { readonly keptCount: number };

/** Encodes a version, the length of a JSON header, the header, and each message behind its length. */
export function encodeParts(version: number, header: object, payloads: readonly Buffer[]): Buffer {
  const json = JSON.stringify(header);
  const jsonBytes = Buffer.byteLength(json);
  let length = PREFIX_BYTES + jsonBytes;
  for (const payload of payloads) length += LENGTH_BYTES + payload.length;
  // Only one allocation, to be fast, because a log receives a record for each burst of a channel.
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = version;
  bytes.writeUInt32BE(jsonBytes, 1);
  let at = PREFIX_BYTES + bytes.write(json, PREFIX_BYTES);
  for (const payload of payloads) {
    at = bytes.writeUInt32BE(payload.length, at);
    at += payload.copy(bytes, at);
  }
  return bytes;
}

/**
 * Decodes the result of {@link encodeParts}. The messages are views of the given bytes.
 *
 * @throws DecodeError `MESSAGE_INVALID` for bytes of another origin
 */
export function decodeParts<Header extends SessionHeader>(
  version: number,
  given: Uint8Array,
): { readonly header: Header; readonly payloads: readonly Buffer[] } {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  if (bytes.length < PREFIX_BYTES) throw invalid(bytes, 'they are cut off');
  if (bytes[0] !== version) {
    throw invalid(bytes, `their version is ${bytes[0]}, here it is ${version}`);
  }
  const end = PREFIX_BYTES + bytes.readUInt32BE(1);
  if (end > bytes.length) throw invalid(bytes, 'the header is cut off');
  const header = checkedHeader(bytes, bytes.toString('utf8', PREFIX_BYTES, end)) as Header;
  return { header, payloads: payloadsFrom(bytes, end) };
}

function checkedHeader(bytes: Buffer, text: string): SessionHeader {
  let header: SessionHeader;
  try {
    header = JSON.parse(text) as SessionHeader;
  } catch {
    throw invalid(bytes, 'the header is not JSON');
  }
  const wrong = wrongIn(header);
  if (wrong !== undefined) throw invalid(bytes, `${wrong} is not valid`);
  return header;
}

/** Returns the name of the first invalid field. */
function wrongIn(header: SessionHeader): string | undefined {
  if (typeof header !== 'object' || header === null) return 'the header';
  const { id, secrets, secretsBefore, windowMs, creditBytes, keptCreditBytes, endReason } = header;
  const { taken, acknowledged, highest, keptCount, isClosed, isKnown, remote } = header;
  const { maxFrameBytes = CREDIT_MAX } = header;
  const checks: Readonly<Record<string, boolean>> = {
    id: isSecret(id),
    secrets: Array.isArray(secrets) && secrets.length > 0 && secrets.every(isSecret),
    secretsBefore: isCount(secretsBefore, MAX_COUNT),
    windowMs: isCount(windowMs, WINDOW_MAX),
    creditBytes: isCount(creditBytes, CREDIT_MAX),
    keptCreditBytes: isCount(keptCreditBytes, CREDIT_MAX),
    maxFrameBytes: isCount(maxFrameBytes, CREDIT_MAX),
    taken: isCount(taken, MAX_COUNT),
    acknowledged: isCount(acknowledged, MAX_COUNT),
    highest: isCount(highest, MAX_COUNT) && highest >= acknowledged,
    keptCount: isCount(keptCount, MAX_COUNT),
    endReason: endReason === undefined || typeof endReason === 'string',
    isClosed: typeof isClosed === 'boolean' && (!isClosed || endReason !== undefined),
    isKnown: typeof isKnown === 'boolean',
    remote: remote === undefined || isAddress(remote),
  };
  return Object.keys(checks).find((name) => !checks[name]);
}

const WINDOW_MAX = 2 ** 31 - 1;
const CREDIT_MAX = 2 ** 32 - 1;

function isSecret(value: unknown): boolean {
  if (typeof value !== 'string' || value.length !== SECRET_BYTES) return false;
  return Buffer.from(value, 'latin1').toString('latin1') === value;
}

/** Returns true for a whole number from 0 to `max`. */
export function isCount(value: unknown, max: number = MAX_COUNT): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max;
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { host, port, family, path } = value as Record<string, unknown>;
  if (typeof path === 'string') return true;
  const isFamily = family === 'IPv4' || family === 'IPv6';
  return typeof host === 'string' && isCount(port, 65_535) && isFamily;
}

function payloadsFrom(bytes: Buffer, from: number): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = from; at < bytes.length; ) {
    const begin = at + LENGTH_BYTES;
    if (begin > bytes.length) throw invalid(bytes, 'a message is cut off');
    at = begin + bytes.readUInt32BE(at);
    if (at > bytes.length) throw invalid(bytes, 'a message is cut off');
    payloads.push(bytes.subarray(begin, at));
  }
  return payloads;
}

/** Creates the error for bytes that are not a lasting channel. */
export function invalid(bytes: Uint8Array, why: string): DecodeError {
  const text = `${bytes.length} bytes are not a lasting channel of another process: ${why}`;
  return new DecodeError('MESSAGE_INVALID', text, { bytes: bytes.length });
}
