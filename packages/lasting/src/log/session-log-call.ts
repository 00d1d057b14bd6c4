// A log is served as calls of an ExchangeHandler with binaryExchange():
//
//   byte 0   kind: 1 read, 2 append, 3 remove
//   1–2      length of the header
//   3–       header, JSON; then the record of append
//
// The answer to append is the new revision, or nothing if the log has another one. The items of read are the revision and each
// record, so that no answer is longer than the call that stored its record.
import { Buffer } from 'node:buffer';

/** @internal Kinds of calls. */
export const LOG_CALL = { read: 1, append: 2, remove: 3 } as const;

/** @internal Codes of errors in answers. */
export const LOG_REFUSAL = {
  /** The log failed. It may have stored the record. */
  failed: 1024,
  /** The log never stores the record. */
  tooLong: 1025,
} as const;

/** @internal The header of a call. */
export interface LogCallHeader {
  readonly id: string;
  readonly after?: string | undefined;
  readonly replaces?: boolean | undefined;
  /** Time for which the caller needs the record, in milliseconds. */
  readonly keepMs?: number | undefined;
}

/** @internal */
export interface LogCall {
  readonly kind: number;
  readonly header: LogCallHeader;
  readonly record: Buffer;
}

const KINDS: readonly number[] = Object.values(LOG_CALL);
const PREFIX_BYTES = 3;
const ID = /^[\w-]{1,64}$/;
const EMPTY: Buffer = Buffer.alloc(0);

/** @internal */
export function encodeLogCall(
  kind: number,
  header: LogCallHeader,
  record: Uint8Array = EMPTY,
): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + json.length + record.length);
  bytes[0] = kind;
  bytes.writeUInt16BE(json.length, 1);
  json.copy(bytes, PREFIX_BYTES);
  bytes.set(record, PREFIX_BYTES + json.length);
  return bytes;
}

/** @internal Returns `undefined` for bytes of another origin. The record is a view of the bytes. */
export function decodeLogCall(bytes: Buffer): LogCall | undefined {
  if (bytes.length < PREFIX_BYTES) return undefined;
  const end = PREFIX_BYTES + bytes.readUInt16BE(1);
  if (end > bytes.length) return undefined;
  let header: LogCallHeader | null;
  try {
    header = JSON.parse(bytes.toString('utf8', PREFIX_BYTES, end)) as LogCallHeader | null;
  } catch {
    return undefined;
  }
  const [kind] = bytes as unknown as readonly [number];
  const { id, after } = header ?? {};
  const isValid =
    KINDS.includes(kind) &&
    typeof id === 'string' &&
    ID.test(id) &&
    (typeof after === 'string' || (after === undefined && kind !== LOG_CALL.remove));
  return isValid ? { kind, header: header!, record: bytes.subarray(end) } : undefined;
}
