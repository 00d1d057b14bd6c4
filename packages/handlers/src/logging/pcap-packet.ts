import { Buffer } from 'node:buffer';
import type { Address } from '@headrace/core';

/** The two ends of a packet. */
export interface PacketRoute {
  readonly from: PacketEnd;
  readonly to: PacketEnd;
}

/** One end of a packet: an IP address of 4 or 16 bytes, and a port. */
export interface PacketEnd {
  readonly ip: Uint8Array;
  readonly port: number;
}

export const FIN: number = 0x01;
export const SYN: number = 0x02;
export const RST: number = 0x04;
export const PSH: number = 0x08;
export const ACK: number = 0x10;

const TCP_HEADER_BYTES = 20;
const TCP_PROTOCOL = 6;
const WINDOW = 0xffff;

/** Maximum payload of an IP packet of either version. */
export const MAX_PAYLOAD_BYTES: number = 65_535 - 40 - TCP_HEADER_BYTES;

/** Returns a TCP segment in an IP packet, with correct checksums, as it could have been on the wire. */
export function tcpPacket(
  route: PacketRoute,
  segment: { readonly seq: number; readonly ack: number; readonly flags: number },
  payload: Uint8Array,
): Buffer {
  const isV4 = route.from.ip.length === 4;
  const headerBytes = isV4 ? 20 : 40;
  const tcpBytes = TCP_HEADER_BYTES + payload.length;
  const packet = Buffer.alloc(headerBytes + tcpBytes);
  if (isV4) writeIpv4Header(packet, route);
  else writeIpv6Header(packet, route, tcpBytes);
  const tcp = packet.subarray(headerBytes);
  tcp.writeUInt16BE(route.from.port, 0);
  tcp.writeUInt16BE(route.to.port, 2);
  tcp.writeUInt32BE(segment.seq >>> 0, 4);
  tcp.writeUInt32BE(segment.ack >>> 0, 8);
  tcp[12] = (TCP_HEADER_BYTES / 4) << 4;
  tcp[13] = segment.flags;
  tcp.writeUInt16BE(WINDOW, 14);
  tcp.set(payload, TCP_HEADER_BYTES);
  const { from, to } = route;
  const pseudo = sum(from.ip) + sum(to.ip) + TCP_PROTOCOL + tcpBytes;
  tcp.writeUInt16BE(checksum(pseudo + sum(tcp)), 16);
  return packet;
}

function writeIpv4Header(packet: Buffer, { from, to }: PacketRoute): void {
  packet[0] = 0x45;
  packet.writeUInt16BE(packet.length, 2);
  // The flag "don't fragment", which TCP stacks also set.
  packet.writeUInt16BE(0x4000, 6);
  packet[8] = 64;
  packet[9] = TCP_PROTOCOL;
  packet.set(from.ip, 12);
  packet.set(to.ip, 16);
  packet.writeUInt16BE(checksum(sum(packet.subarray(0, 20))), 10);
}

function writeIpv6Header(packet: Buffer, { from, to }: PacketRoute, payloadBytes: number): void {
  packet[0] = 0x60;
  packet.writeUInt16BE(payloadBytes, 4);
  packet[6] = TCP_PROTOCOL;
  packet[7] = 64;
  packet.set(from.ip, 8);
  packet.set(to.ip, 24);
}

/** Returns the sum of the 16-bit words. An odd last byte is padded with zero. */
function sum(bytes: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) + (bytes[i + 1] ?? 0);
  return total;
}

function checksum(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return ~folded & 0xffff;
}

/** Returns both ends in the same IP version. A path, a memory channel or no address becomes loopback with an invented port. */
export function endsOf(
  local: Address | undefined,
  remote: Address | undefined,
  madeUpPort: number,
): { readonly local: PacketEnd; readonly remote: PacketEnd } {
  const one = endOf(local, 1);
  const other = endOf(remote, madeUpPort);
  if (one.ip.length === other.ip.length) return { local: one, remote: other };
  return { local: mapped(one), remote: mapped(other) };
}

function endOf(address: Address | undefined, madeUpPort: number): PacketEnd {
  if (address === undefined || 'path' in address) {
    return { ip: Uint8Array.of(127, 0, 0, 1), port: madeUpPort };
  }
  const { host, port, family } = address;
  return { ip: family === 'IPv4' ? ipv4Bytes(host) : ipv6Bytes(host), port };
}

/** Returns an IPv4 end in IPv6 form: `::ffff:` and the four bytes. */
function mapped({ ip, port }: PacketEnd): PacketEnd {
  if (ip.length === 16) return { ip, port };
  const long = new Uint8Array(16);
  long.fill(0xff, 10, 12);
  long.set(ip, 12);
  return { ip: long, port };
}

function ipv4Bytes(host: string): Uint8Array {
  return Uint8Array.from(host.split('.'), Number);
}

/** Returns the bytes of an IPv6 address. The text may contain `::` for zeros, and an IPv4 address at its end. */
export function ipv6Bytes(host: string): Uint8Array {
  const [text = ''] = host.split('%');
  const [head = '', tail] = text.split('::');
  const front = wordsOf(head);
  const back = tail === undefined ? [] : wordsOf(tail);
  const bytes = new Uint8Array(16);
  bytes.set(front, 0);
  bytes.set(back, 16 - back.length);
  return bytes;
}

function wordsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((word) => {
    if (word.includes('.')) return [...ipv4Bytes(word)];
    const value = Number.parseInt(word, 16);
    return [value >> 8, value & 0xff];
  });
}
