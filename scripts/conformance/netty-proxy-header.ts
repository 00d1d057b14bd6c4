// What Netty's decoder of PROXY headers makes of the bytes before it reads their content: where a line ends,
// and where the TLVs of a block stand.

/** What a header of version 1 may have, without its CRLF. */
const MAX_LINE_BYTES = 108;
/** This many bytes are enough to find the version. */
const VERSION_BYTES = 13;
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const BLOCK_HEAD_BYTES = 16;
const TLV_HEAD_BYTES = 3;
/** Before the TLVs in an SSL TLV. */
const SSL_HEAD_BYTES = 5;
export const SSL = 32;
const NOOP = 4;
/** The types that this Netty has a name for. */
export const TLV_NAMES: Readonly<Record<number, string>> = {
  1: 'PP2_TYPE_ALPN',
  2: 'PP2_TYPE_AUTHORITY',
  32: 'PP2_TYPE_SSL',
  33: 'PP2_TYPE_SSL_VERSION',
  34: 'PP2_TYPE_SSL_CN',
  48: 'PP2_TYPE_NETNS',
};
/** The addresses of a block, by the upper half of its 14th byte. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];

/** A line that is whole in a chunk, one that is refused in a chunk, or neither. */
export type NettyLine =
  | {
      readonly outcome: 'line';
      readonly chunk: number;
      readonly words: readonly string[];
      /** Whether spaces stand before the line end, which Netty passes over. */
      readonly hasSpaces: boolean;
      /** The index of the first byte after it. */
      readonly end: number;
    }
  | { readonly outcome: 'refused'; readonly chunk: number }
  | { readonly outcome: 'nothing' };

/** How Netty reads a line from these chunks, each end of a chunk counted as it does. */
export function nettyLine(chunks: readonly string[], failFast: boolean): NettyLine {
  let [bytes, taken, discarded] = [Buffer.alloc(0), 0, -1];
  for (const [chunk, hex] of chunks.entries()) {
    bytes = Buffer.concat([bytes, Buffer.from(hex, 'hex')]);
    if (taken + bytes.length < VERSION_BYTES) continue;
    if (taken === 0 && bytes.toString('hex').startsWith(SIGNATURE)) break;
    const end = bytes.indexOf('\r\n');
    const length = Math.max(0, discarded) + (end === -1 ? bytes.length : end);
    const isTooLong = length > MAX_LINE_BYTES || discarded !== -1;
    if (end !== -1 && !isTooLong) {
      const text = bytes.toString('latin1', 0, end);
      const words = text.replace(/ +$/, '').split(' ');
      return { outcome: 'line', chunk, words, hasSpaces: text.endsWith(' '), end: taken + end + 2 };
    }
    if (!isTooLong) continue;
    const isFirst = discarded === -1;
    if ((isFirst && failFast) || (end !== -1 && !failFast)) return { outcome: 'refused', chunk };
    if (end !== -1) return { outcome: 'nothing' };
    discarded = length;
    taken += bytes.length;
    bytes = Buffer.alloc(0);
  }
  return { outcome: 'nothing' };
}

/** The chunk in which a block is refused as too long. */
export interface TooLongBlock {
  /** For us: that in which it is whole. */
  readonly ours: number;
  /** For Netty without failFast: each chunk after the limit is read as the begin of a block of its own. */
  readonly netty: number;
}

/** `undefined` for a block that is not longer than allowed, or is whole in the chunk that passes the limit. */
export function tooLongBlock(
  chunks: readonly string[],
  maxTlvBytes: number,
): TooLongBlock | undefined {
  const parts = chunks.map((hex) => Buffer.from(hex, 'hex'));
  const bytes = Buffer.concat(parts);
  if (!isBlock(chunks) || bytes.length < BLOCK_HEAD_BYTES) return undefined;
  const max = BLOCK_HEAD_BYTES + 216 + maxTlvBytes;
  const total = lengthOf(bytes);
  let arrived = 0;
  const ends = parts.map(({ length }) => {
    arrived += length;
    return arrived;
  });
  const passes = ends.findIndex((end) => end > max);
  if (passes === -1 || ends[passes]! >= total) return undefined;
  const netty = parts.findIndex(
    (part, at) => at > passes && part.length >= BLOCK_HEAD_BYTES && lengthOf(part) <= part.length,
  );
  return { ours: ends.findIndex((end) => end >= total), netty };
}

function lengthOf(block: Buffer): number {
  return BLOCK_HEAD_BYTES + block.readUInt16BE(14);
}

/** A header of version 2, with this byte of version and command. */
export function isBlock(chunks: readonly string[], version = ''): boolean {
  return chunks.join('').startsWith(SIGNATURE + version);
}

/** The TLVs of a block of version 2 as bytes, and where they begin. */
export interface ProxyBlock {
  readonly tlvs: Buffer;
  readonly at: number;
  readonly addresses: Buffer;
}

/** `undefined` for what is no block, or not whole. */
export function blockOf(bytes: Buffer): ProxyBlock | undefined {
  if (!bytes.toString('hex').startsWith(SIGNATURE) || bytes.length < BLOCK_HEAD_BYTES)
    return undefined;
  const end = lengthOf(bytes);
  const at = BLOCK_HEAD_BYTES + (ADDRESS_BYTES[bytes[13]! >> 4] ?? 0);
  if (end > bytes.length || at > end) return undefined;
  const addresses = bytes.subarray(BLOCK_HEAD_BYTES, at);
  return { tlvs: bytes.subarray(at, end), at, addresses };
}

/** A TLV, and where its type stands. */
export interface PlacedTlv {
  readonly type: number;
  readonly at: number;
}

/** The TLVs of a block, without those inside them. */
export function topLevelTlvs({ tlvs, at }: ProxyBlock): PlacedTlv[] {
  const found: PlacedTlv[] = [];
  for (let from = 0; from + TLV_HEAD_BYTES <= tlvs.length; ) {
    found.push({ type: tlvs[from]!, at: at + from });
    from += TLV_HEAD_BYTES + tlvs.readUInt16BE(from + 1);
  }
  return found;
}

/** Whether we refuse the end of TLVs, or of those in an SSL TLV, of which Netty makes nothing: a cut TLV, or an empty SSL TLV. */
export function hasRefusedEnd(tlvs: Buffer, isOuter = true): boolean {
  let from = 0;
  while (from + TLV_HEAD_BYTES <= tlvs.length) {
    const end = from + TLV_HEAD_BYTES + tlvs.readUInt16BE(from + 1);
    if (isOuter && tlvs[from] === SSL) {
      const value = tlvs.subarray(from + TLV_HEAD_BYTES, end);
      if (value.length === 0 && end === tlvs.length) return true;
      if (hasRefusedEnd(value.subarray(SSL_HEAD_BYTES), false)) return true;
    }
    from = end;
  }
  return from !== tlvs.length;
}

/** TLVs as this Netty reads them: less than four bytes at an end are nothing, and an SSL TLV can be in another one. */
export function nettyTlvs(bytes: Buffer, isOuter = true): unknown[] {
  const found: unknown[] = [];
  let from = 0;
  while (from + TLV_HEAD_BYTES < bytes.length) {
    const type = bytes[from]!;
    const end = from + TLV_HEAD_BYTES + bytes.readUInt16BE(from + 1);
    if (end > bytes.length) throw new RangeError('Netty refuses a TLV that runs past the end');
    const value = bytes.subarray(from + TLV_HEAD_BYTES, end);
    const plain = { type, typeName: TLV_NAMES[type] ?? 'OTHER', hex: value.toString('hex') };
    if (type === SSL) {
      if (value.length < SSL_HEAD_BYTES) throw new RangeError('Netty refuses a short SSL TLV');
      const encapsulated = nettyTlvs(value.subarray(SSL_HEAD_BYTES), false);
      const [flags, verify] = [value[0]!, value.readInt32BE(1)];
      const [clientSSL, clientCertConn, clientCertSess] = [1, 2, 4].map(
        (bit) => (flags & bit) !== 0,
      );
      const ssl = { clientSSL, clientCertConn, clientCertSess, verify, encapsulated };
      found.push({ ...plain, ssl }, ...(isOuter ? encapsulated : []));
    } else found.push(plain);
    from = end;
  }
  return found;
}

/** The chunks with one TLV without meaning in place of all TLVs of a block. A block of less than three bytes of them grows. */
export function withNoop(chunks: readonly string[], { tlvs, at }: ProxyBlock): string[] {
  const length = Math.max(TLV_HEAD_BYTES, tlvs.length);
  const noop = Buffer.alloc(length);
  noop[0] = NOOP;
  noop.writeUInt16BE(length - TLV_HEAD_BYTES, 1);
  const bytes = Buffer.from(chunks.join(''), 'hex');
  const end = at + tlvs.length;
  const whole = Buffer.concat([bytes.subarray(0, at), noop, bytes.subarray(end)]);
  whole.writeUInt16BE(at + length - BLOCK_HEAD_BYTES, 14);
  let [from, arrived] = [0, 0];
  return chunks.map((chunk) => {
    const before = arrived;
    arrived += chunk.length / 2;
    const more = before < end && arrived >= end ? length - tlvs.length : 0;
    const to = from + chunk.length / 2 + more;
    const part = whole.toString('hex', from, to);
    from = to;
    return part;
  });
}

/** The chunks with another byte at some places. */
export function withByte(chunks: readonly string[], places: readonly number[], byte: number) {
  const bytes = Buffer.from(chunks.join(''), 'hex');
  for (const at of places) bytes[at] = byte;
  const hex = bytes.toString('hex');
  let end = 0;
  return chunks.map(({ length }) => {
    end += length;
    return hex.slice(end - length, end);
  });
}
