import { Buffer } from 'node:buffer';
import { type Address, DecodeError } from '@headrace/core';
import { crc32c } from '../checksum/crc.ts';
import { ipBytes, ipText } from './ip-text.ts';
import type { ProxiedTransport, ProxyHeader } from './proxy-header.ts';
import { findChecksum, formatTlvs, type ProxyTlv, parseTlvs } from './proxy-tlv.ts';

export const SIGNATURE: Buffer = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
/** Length of the signature, the version and command, the transport, and the length of the rest. */
export const BLOCK_HEAD_BYTES = 16;
/** Length of the longest pair of addresses, which are those of Unix sockets. */
export const MAX_ADDRESS_BYTES = 216;

const TRANSPORT_BYTES: Readonly<Record<ProxiedTransport, number>> = {
  unknown: 0x00,
  tcp4: 0x11,
  udp4: 0x12,
  tcp6: 0x21,
  udp6: 0x22,
  'unix-stream': 0x31,
  'unix-datagram': 0x32,
};

const TRANSPORTS: ReadonlyMap<number, ProxiedTransport> = new Map(
  Object.entries(TRANSPORT_BYTES).map(([name, byte]) => [byte, name as ProxiedTransport]),
);

const ADDRESS_BYTES: Readonly<Record<ProxiedTransport, number>> = {
  unknown: 0,
  tcp4: 12,
  udp4: 12,
  tcp6: 36,
  udp6: 36,
  'unix-stream': MAX_ADDRESS_BYTES,
  'unix-datagram': MAX_ADDRESS_BYTES,
};

/** Checks the available first bytes of a header of version 2. Throws a `DecodeError`. */
export function checkBlockHead(head: Buffer): void {
  const versionAndCommand = head[SIGNATURE.length] ?? 0x20;
  if (versionAndCommand >> 4 !== 2) throw bad(`its version is ${versionAndCommand >> 4}, not 2`);
  const command = versionAndCommand & 15;
  if (command > 1) throw bad(`its command is ${command}, neither LOCAL (0) nor PROXY (1)`);
  if (command === 0 || head.length <= SIGNATURE.length + 1) return;
  const byte = head[SIGNATURE.length + 1]!;
  const transport = TRANSPORTS.get(byte);
  if (transport === undefined) {
    throw bad(`its address family and protocol are 0x${byte.toString(16)}, which is not defined`);
  }
  if (head.length < BLOCK_HEAD_BYTES) return;
  const length = head.readUInt16BE(SIGNATURE.length + 2);
  if (length >= ADDRESS_BYTES[transport]) return;
  const needed = ADDRESS_BYTES[transport];
  throw bad(`its length is ${length}, but two ${transport} addresses need ${needed} bytes`);
}

/** Reads a whole header of version 2. Throws a `DecodeError`. */
export function parseProxyBlock(block: Buffer): ProxyHeader {
  checkBlockHead(block);
  const isLocal = (block[SIGNATURE.length]! & 15) === 0;
  const transport = TRANSPORTS.get(block[SIGNATURE.length + 1]!)!;
  if (isLocal || transport === 'unknown') {
    const command = isLocal ? 'local' : 'proxy';
    return {
      version: 2,
      command,
      transport: 'unknown',
      source: undefined,
      destination: undefined,
      tlvs: [],
    };
  }
  const end = BLOCK_HEAD_BYTES + ADDRESS_BYTES[transport];
  const [source, destination] = parseAddresses(block.subarray(BLOCK_HEAD_BYTES, end), transport);
  // A copy, because the header is kept with the channel, and must not keep the memory of the read alive.
  const tlvs = parseTlvs(Buffer.from(block.subarray(end)));
  checkChecksum(block, end, tlvs);
  return { version: 2, command: 'proxy', transport, source, destination, tlvs };
}

export function formatProxyBlock(header: ProxyHeader): Buffer {
  const addresses = formatAddresses(header);
  const isUnknown = addresses.length === 0;
  const tlvs = isUnknown ? Buffer.alloc(0) : formatTlvs(header.tlvs);
  const block = Buffer.alloc(BLOCK_HEAD_BYTES + addresses.length + tlvs.length);
  SIGNATURE.copy(block);
  block[12] = header.command === 'local' ? 0x20 : 0x21;
  block[13] = isUnknown ? 0 : TRANSPORT_BYTES[header.transport];
  block.writeUInt16BE(addresses.length + tlvs.length, 14);
  addresses.copy(block, BLOCK_HEAD_BYTES);
  tlvs.copy(block, BLOCK_HEAD_BYTES + addresses.length);
  const checksum = findChecksum(tlvs);
  if (checksum !== -1) {
    const at = BLOCK_HEAD_BYTES + addresses.length + checksum;
    block.fill(0, at, at + 4);
    block.writeUInt32BE(crc32c(block), at);
  }
  return block;
}

function parseAddresses(bytes: Buffer, transport: ProxiedTransport): [Address, Address] {
  if (bytes.length === MAX_ADDRESS_BYTES) {
    return [{ path: pathOf(bytes.subarray(0, 108)) }, { path: pathOf(bytes.subarray(108)) }];
  }
  const isV4 = transport.endsWith('4');
  const size = isV4 ? 4 : 16;
  const address = (index: 0 | 1): Address => ({
    host: ipText(bytes.subarray(index * size, (index + 1) * size)),
    port: bytes.readUInt16BE(2 * size + 2 * index),
    family: isV4 ? 'IPv4' : 'IPv6',
  });
  return [address(0), address(1)];
}

/** Returns a path, which ends at the first NUL, if the bytes contain a NUL. */
function pathOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

/** Returns the bytes of both addresses, or an empty buffer if the header has no addresses. */
function formatAddresses(header: ProxyHeader): Buffer {
  const { transport, source, destination } = header;
  const size = ADDRESS_BYTES[transport];
  if (header.command === 'local' || source === undefined || destination === undefined || !size) {
    return Buffer.alloc(0);
  }
  const bytes = Buffer.alloc(size);
  if ('path' in source || 'path' in destination) {
    if ('path' in source) bytes.write(source.path, 0, 108);
    if ('path' in destination) bytes.write(destination.path, 108, 108);
    return bytes;
  }
  ipBytes(source.host)!.copy(bytes);
  ipBytes(destination.host)!.copy(bytes, (size - 4) / 2);
  bytes.writeUInt16BE(source.port, size - 4);
  bytes.writeUInt16BE(destination.port, size - 2);
  return bytes;
}

function checkChecksum(block: Buffer, tlvsAt: number, tlvs: readonly ProxyTlv[]): void {
  const tlv = tlvs.find(({ name }) => name === 'crc32c');
  if (tlv === undefined) return;
  const copy = Buffer.from(block);
  const at = tlvsAt + findChecksum(block.subarray(tlvsAt));
  copy.fill(0, at, at + 4);
  const expected = tlv.value.readUInt32BE(0);
  const actual = crc32c(copy);
  if (actual === expected) return;
  throw bad(
    `its CRC32C is ${actual.toString(16)}, but the checksum in it is ${expected.toString(16)}`,
  );
}

function bad(why: string): DecodeError {
  return new DecodeError('FRAME_CORRUPT', `this is not a valid PROXY header of version 2: ${why}`);
}
