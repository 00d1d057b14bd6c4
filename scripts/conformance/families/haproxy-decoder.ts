import { isIP } from 'node:net';
import {
  type ProxiedTransport,
  type ProxyHeader,
  ProxyProtocolDecoder,
  ProxyProtocolEvent,
  type ProxyRefusal,
  type ProxyTlv,
} from '@headrace/codec';
import type { Address, Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type CaseResult, type ConformanceFamily, sameAsExpected } from '../family.ts';

interface Config {
  readonly maxTlvSize: number | null;
  readonly failFast: boolean;
}

interface ProxyCase {
  readonly config: Config;
  readonly chunks: readonly string[];
  // biome-ignore lint/suspicious/noExplicitAny: as the file says
  readonly events: any[][];
}

const TRANSPORTS: Readonly<Record<ProxiedTransport, string>> = {
  tcp4: 'TCP4',
  tcp6: 'TCP6',
  udp4: 'UDP4',
  udp6: 'UDP6',
  'unix-stream': 'UNIX_STREAM',
  'unix-datagram': 'UNIX_DGRAM',
  unknown: 'UNKNOWN',
};

/** The types that this Netty has a name for. */
const TLV_NAMES: Readonly<Record<number, string>> = {
  1: 'PP2_TYPE_ALPN',
  2: 'PP2_TYPE_AUTHORITY',
  32: 'PP2_TYPE_SSL',
  33: 'PP2_TYPE_SSL_VERSION',
  34: 'PP2_TYPE_SSL_CN',
  48: 'PP2_TYPE_NETNS',
};

/** What a header of version 1 may have, without its CRLF. */
const MAX_LINE_BYTES = 108;

export const family: ConformanceFamily = {
  name: 'haproxy-decoder',
  run(testCase: ProxyCase): CaseResult {
    const ours = ourEvents(testCase);
    const result = sameAsExpected(ours, nettyEvents(testCase));
    const reason = result.outcome === 'failed' ? excuse(testCase, ours) : undefined;
    return reason === undefined ? result : { outcome: 'skipped', reason };
  },
};

/** Stands behind the decoder and notes what comes out of it. */
class Notes implements Handler {
  private entries: unknown[] = [];

  channelRead(_ctx: Context, message: Buffer): void {
    this.entries.push({ bytes: message.toString('hex') });
  }

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (!(event instanceof ProxyProtocolEvent) || event.header === undefined) return;
    this.entries.push({ proxy: nettyHeader(event.header) });
  }

  exceptionCaught(): void {
    // Netty closes first and tells then, we the other way round.
    this.entries.push({ close: true }, { error: 'HAProxyProtocolException' });
  }

  take(): unknown[] {
    const { entries } = this;
    this.entries = [];
    return entries;
  }
}

function ourEvents({ config, chunks }: ProxyCase): unknown[][] {
  const refuse: ProxyRefusal = config.failFast ? 'when-too-long' : 'at-its-end';
  const maxTlvBytes = Math.max(0, config.maxTlvSize ?? 65_535);
  const notes = new Notes();
  const channel = new EmbeddedChannel(
    new ProxyProtocolDecoder({ trusted: 'any', refuse, maxTlvBytes }),
    notes,
  );
  const events = chunks.map((chunk) => {
    if (channel.isOpen) channel.writeInbound(Buffer.from(chunk, 'hex'));
    return notes.take();
  });
  channel.finish();
  return [...events, notes.take()];
}

function nettyHeader(header: ProxyHeader): unknown {
  return {
    version: `V${header.version}`,
    command: header.command.toUpperCase(),
    protocol: TRANSPORTS[header.transport],
    source: hostOf(header.source),
    destination: hostOf(header.destination),
    sourcePort: portOf(header.source),
    destinationPort: portOf(header.destination),
    tlvs: header.tlvs.flatMap(nettyTlvs),
  };
}

/** A TLV and, behind it, those inside it. */
function nettyTlvs(tlv: ProxyTlv): unknown[] {
  const { type, value } = tlv;
  const plain = { type, typeName: TLV_NAMES[type] ?? 'OTHER', hex: value.toString('hex') };
  if (tlv.name !== 'ssl') return [plain];
  const encapsulated = tlv.tlvs.flatMap(nettyTlvs);
  const ssl = {
    clientSSL: tlv.isTls,
    clientCertConn: tlv.hasConnectionCertificate,
    clientCertSess: tlv.hasSessionCertificate,
    verify: tlv.verify | 0,
    encapsulated,
  };
  return [{ ...plain, ssl }, ...encapsulated];
}

function hostOf(address: Address | undefined): string | null {
  if (address === undefined) return null;
  return 'path' in address ? address.path : address.host;
}

function portOf(address: Address | undefined): number {
  return address === undefined || 'path' in address ? 0 : address.port;
}

/** Netty keeps IPv6 addresses as they were written; we write each address in one way only. */
function nettyEvents({ events }: ProxyCase): unknown[][] {
  return events.map((list) =>
    list.map((event) =>
      event.proxy === undefined || !event.proxy.protocol.endsWith('6')
        ? event
        : {
            proxy: {
              ...event.proxy,
              source: canonical(event.proxy.source),
              destination: canonical(event.proxy.destination),
            },
          },
    ),
  );
}

function canonical(host: string): string {
  if (isIP(host) === 0 || host.includes('%')) return host;
  const [plain, v4] = splitMapped(host);
  const written = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(written);
  if (mapped === null) return written;
  if (v4 !== undefined) return `::ffff:${v4}`;
  const groups = [mapped[1]!, mapped[2]!].map((group) => Number.parseInt(group, 16));
  return `::ffff:${groups.map((group) => `${group >> 8}.${group & 255}`).join('.')}`;
}

function splitMapped(host: string): [string, string | undefined] {
  return [host, /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1]];
}

/** Why a difference is one on purpose; docs/decisions/0011-proxy-headers-in-one-way.md has the reasons. */
function excuse(testCase: ProxyCase, ours: unknown[][]): string | undefined {
  if (cutsLongLineAtItsEnd(testCase)) {
    return 'Netty counts the CR of a line that is cut between CR and LF; for us the cut makes no difference';
  }
  const [mine, theirs] = [withoutEmptyTlvs(ours), withoutEmptyTlvs(nettyEvents(testCase))];
  if (JSON.stringify(mine) === JSON.stringify(theirs))
    return 'Netty passes over an empty TLV at the end';
  if (hasLooseAddress(testCase)) return 'only Netty takes an address in this form';
  return hasChecksum(testCase) ? 'Netty does not look at checksums' : undefined;
}

function cutsLongLineAtItsEnd({ chunks }: ProxyCase): boolean {
  const end = Buffer.from(chunks.join(''), 'hex').indexOf('\r');
  if (end < MAX_LINE_BYTES) return false;
  let cut = 0;
  return chunks.some((chunk) => {
    cut += chunk.length / 2;
    return cut === end + 1;
  });
}

/** The events without empty TLVs, which are rare enough. */
function withoutEmptyTlvs(events: unknown[][]): unknown {
  return JSON.parse(JSON.stringify(events), (_key, value) =>
    Array.isArray(value) ? value.filter((tlv) => tlv?.hex !== '') : value,
  );
}

/** Leading zeros, brackets, zones. */
function hasLooseAddress({ events }: ProxyCase): boolean {
  const hosts = events.flat().flatMap(({ proxy }) => {
    if (proxy?.version !== 'V1' || proxy.source === null) return [];
    return [proxy.source, proxy.destination] as string[];
  });
  return hosts.some((host) => isIP(host) === 0 || host.includes('%'));
}

function hasChecksum(testCase: ProxyCase): boolean {
  const headers = testCase.events.flat().map((event) => event.proxy);
  return headers.some((header) => header?.tlvs.some(({ type }: { type: number }) => type === 3));
}
