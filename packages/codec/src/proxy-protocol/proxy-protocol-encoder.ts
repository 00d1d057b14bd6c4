import { Buffer } from 'node:buffer';
import { isIPv4 } from 'node:net';
import {
  type Address,
  type Channel,
  type Context,
  clientAddress,
  EncodeError,
  type Handler,
  type Types,
} from '@headrace/core';
import { bareHost, choice, describeOptions, present, unchecked } from '@headrace/core/authoring';
import { ipBytes } from './ip-text.ts';
import { formatProxyBlock } from './proxy-block.ts';
import type { ProxiedTransport, ProxyHeader } from './proxy-header.ts';
import { formatProxyLine } from './proxy-line.ts';
import type { ProxyTlv } from './proxy-tlv.ts';

const MAX_BLOCK_REST = 65_535;
const MAX_PATH_BYTES = 108;

/**
 * Sends a PROXY header as the first bytes of an outbound connection. The header names the client for which the connection was
 * opened. Then the encoder removes itself.
 *
 * ```text
 *  BEFORE "hello"  →  AFTER "PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\nhello"
 * ```
 *
 * - **Place** First after the transport.
 * - **In** All messages pass.
 * - **Out** One `Buffer`, flushed at once, because some servers send first.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for a header that contradicts itself. `HR_ERR_MESSAGE_TOO_LONG` for more than
 *   65,535 bytes of addresses and TLVs. Both errors reach `exceptionCaught`.
 * - **State** None.
 * - **Cost** No cost after the header is sent.
 * - **Pitfalls** A server that does not expect the header reads it as data.
 *
 * @example
 * ```ts run
 * import { ProxyProtocolEncoder, proxyHeader } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const client = { host: '203.0.113.7', port: 51_000, family: 'IPv4' } as const;
 * const destination = { host: '192.0.2.1', port: 443, family: 'IPv4' } as const;
 * const header = proxyHeader(client, destination, { version: 1 });
 * const channel = new EmbeddedChannel(new ProxyProtocolEncoder(header));
 * console.log(String(channel.readOutbound()).trim());
 * // prints PROXY TCP4 203.0.113.7 192.0.2.1 51000 443
 * ```
 * @see Netty's `HAProxyMessageEncoder`
 */
export class ProxyProtocolEncoder implements Handler {
  declare readonly types: Types<{ writes: Buffer }>;
  private readonly header: ProxyHeader;

  /**
   * @param header - the header, see {@link proxyHeader} and {@link proxyHeaderOf}
   * @param options - replace the version or the fields of the header
   */
  constructor(header: ProxyHeader, options: ProxyHeaderOptions = {}) {
    OPTIONS.checkNames(options, 'ProxyProtocolEncoder');
    const { version = header.version, tlvs = header.tlvs } = options;
    this.header = { ...header, version, tlvs };
  }

  handlerAdded(ctx: Context): void {
    ctx.writeAndFlush(encodeProxyHeader(this.header));
    ctx.pipeline.remove(ctx.handler);
  }
}

/** Options of {@link proxyHeader} and {@link proxyHeaderOf}. */
export interface ProxyHeaderOptions {
  /** Version of the protocol. @default 2 */
  readonly version?: 1 | 2;
  /** Further fields, only in version 2, see {@link proxyTlv}. @default none */
  readonly tlvs?: readonly ProxyTlv[];
}

const OPTIONS = describeOptions('proxyHeader', {
  version: choice([1, 2], { default: 2 }),
  tlvs: unchecked({ default: [] }),
});

/**
 * Returns a header for a stream between two addresses. Without the addresses, returns a header for a connection of the proxy
 * itself (`LOCAL`), for example for a health check.
 */
export function proxyHeader(
  source: Address | undefined,
  destination: Address | undefined,
  options: ProxyHeaderOptions = {},
): ProxyHeader {
  const { version, tlvs } = OPTIONS.resolve(options);
  if (source === undefined || destination === undefined) {
    const none = { source: undefined, destination: undefined };
    return { version, command: 'local', transport: 'unknown', ...none, tlvs };
  }
  const [from, to] = sameFamily(source, destination);
  return {
    version,
    command: 'proxy',
    transport: transportOf(from),
    source: from,
    destination: to,
    tlvs,
  };
}

/** Returns a header for the client of `inbound`, a connection that the server accepted. */
export function proxyHeaderOf(inbound: Channel, options: ProxyHeaderOptions = {}): ProxyHeader {
  OPTIONS.checkNames(options, 'proxyHeaderOf');
  return proxyHeader(clientAddress(inbound), inbound.localAddress, options);
}

/** Returns the bytes of a header. Throws an `EncodeError`. */
export function encodeProxyHeader(header: ProxyHeader): Buffer {
  const sent = ofOneFamily(header);
  checkAddresses(sent);
  if (sent.version === 1) return Buffer.from(formatProxyLine(sent), 'latin1');
  const tlvBytes = sent.tlvs.reduce((sum, { value }) => sum + 3 + value.length, 0);
  if (tlvBytes + 216 > MAX_BLOCK_REST) {
    const text = `${tlvBytes} bytes of TLVs do not fit a PROXY header, which takes 65319`;
    throw new EncodeError('MESSAGE_TOO_LONG', text, { tlvBytes });
  }
  return formatProxyBlock(sent);
}

/**
 * Returns two addresses of one family. A mapped IPv4 address, which a server of both families has for its IPv4 clients, becomes the
 * IPv4 address, because receivers compare texts. If then only one address is IPv6, the IPv4 address becomes its mapped IPv6 address.
 */
function sameFamily(given: Address, to: Address): [Address, Address] {
  const [source, destination] = [bare(given), bare(to)];
  if ('path' in source || 'path' in destination) return [source, destination];
  if (source.family === destination.family) return [source, destination];
  return [mapped(source), mapped(destination)];
}

/** A proxy can name a client of one family and a server of the other one, but a header has one family. */
function ofOneFamily(header: ProxyHeader): ProxyHeader {
  const { source, destination, transport } = header;
  if (source === undefined || destination === undefined || !fits(source, transport)) return header;
  if ('path' in source || 'path' in destination || source.family === destination.family) {
    return header;
  }
  const family = transport.replace('4', '6') as ProxiedTransport;
  return { ...header, transport: family, source: mapped(source), destination: mapped(destination) };
}

function bare(address: Address): Address {
  const given = present(address);
  if ('path' in given) return given;
  const host = bareHost(given.host);
  return { host, port: given.port, family: isIPv4(host) ? 'IPv4' : given.family };
}

function mapped(address: Address): Address {
  if ('path' in address || address.family === 'IPv6') return address;
  return { host: `::ffff:${address.host}`, port: address.port, family: 'IPv6' };
}

function transportOf(address: Address): ProxiedTransport {
  if ('path' in address) return 'unix-stream';
  return address.family === 'IPv4' ? 'tcp4' : 'tcp6';
}

function checkAddresses({ command, transport, source, destination }: ProxyHeader): void {
  if (command === 'local' || transport === 'unknown') return;
  for (const address of [source, destination]) {
    if (address !== undefined && fits(address, transport)) continue;
    const text = `a PROXY header for ${transport} cannot carry the address ${JSON.stringify(address)}`;
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', text, { transport });
  }
}

function fits(address: Address, transport: ProxiedTransport): boolean {
  if ('path' in address) {
    const isShort = Buffer.byteLength(address.path) <= MAX_PATH_BYTES;
    return transport.startsWith('unix') && isShort && !address.path.includes('\0');
  }
  const { host, port } = address;
  const isPort = Number.isInteger(port) && port >= 0 && port <= 65_535;
  return isPort && ipBytes(host)?.length === (transport.endsWith('4') ? 4 : 16);
}
