import { isIPv4, isIPv6 } from 'node:net';
import { type Address, DecodeError } from '@headrace/core';
import { ipBytes, ipText } from './ip-text.ts';
import type { ProxyHeader } from './proxy-header.ts';

/** Maximum length of a header of version 1, without the CRLF at the end. The longest meaningful header has 105 bytes. */
export const MAX_LINE_BYTES = 108;

/** Reads a header of version 1: the line without its CRLF. Throws a `DecodeError`. */
export function parseProxyLine(line: string): ProxyHeader {
  const parts = line.split(' ');
  const [word, transport, source = '', destination = '', sourcePort = '', destinationPort = ''] =
    parts;
  if (word !== 'PROXY') throw bad(line, 'it does not begin with "PROXY"');
  if (transport === 'UNKNOWN') return unknownConnection();
  if (transport !== 'TCP4' && transport !== 'TCP6') {
    throw bad(line, 'the second word must be TCP4, TCP6 or UNKNOWN');
  }
  if (parts.length !== 6) throw bad(line, `it has ${parts.length} words, not 6`);
  // The word names the family of the client. nginx writes its own address as it is, even if the client, which it knows from another
  // header, is of the other family.
  const isServerV4 = isIPv4(destination) || (transport === 'TCP4' && !isIPv6(destination));
  return {
    version: 1,
    command: 'proxy',
    transport: transport === 'TCP4' ? 'tcp4' : 'tcp6',
    source: addressOf(line, transport === 'TCP4', source, sourcePort),
    destination: addressOf(line, isServerV4, destination, destinationPort),
    tlvs: [],
  };
}

/** Returns the line of a header of version 1 with its CRLF. */
export function formatProxyLine(header: ProxyHeader): string {
  const { transport, source, destination } = header;
  const isTcp = transport === 'tcp4' || transport === 'tcp6';
  if (header.command === 'local' || !isTcp || source === undefined || destination === undefined) {
    return 'PROXY UNKNOWN\r\n';
  }
  if ('path' in source || 'path' in destination) return 'PROXY UNKNOWN\r\n';
  const word = transport === 'tcp4' ? 'TCP4' : 'TCP6';
  const hosts = [source, destination].map(({ host }) => ipText(ipBytes(host)!));
  return `PROXY ${word} ${hosts.join(' ')} ${source.port} ${destination.port}\r\n`;
}

function unknownConnection(): ProxyHeader {
  return {
    version: 1,
    command: 'proxy',
    transport: 'unknown',
    source: undefined,
    destination: undefined,
    tlvs: [],
  };
}

function addressOf(line: string, isV4: boolean, host: string, portText: string): Address {
  const bytes = (isV4 ? isIPv4(host) : isIPv6(host)) ? ipBytes(host) : undefined;
  if (bytes === undefined) {
    throw bad(line, `"${host}" is not an ${isV4 ? 'IPv4' : 'IPv6'} address`);
  }
  // The protocol allows port 0, and no leading zeros.
  const port = /^(?:0|[1-9]\d{0,4})$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= 65_535)) throw bad(line, `"${portText}" is not a port`);
  return { host: ipText(bytes), port, family: isV4 ? 'IPv4' : 'IPv6' };
}

function bad(line: string, why: string): DecodeError {
  const shown = JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}…` : line);
  return new DecodeError('FRAME_CORRUPT', `${shown} is not a PROXY header of version 1: ${why}`);
}
