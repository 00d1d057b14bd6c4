import { isIPv4, isIPv6 } from 'node:net';
import {
  type ProxyHeader,
  ProxyProtocolDecoder,
  ProxyProtocolEvent,
  type ProxyTlv,
} from '@headrace/codec';
import { type Address, type Context, type Handler, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import type { ProxyRefusal } from '../../../packages/codec/src/proxy-protocol/proxy-header-reader.ts';
import { formatTlvs } from '../../../packages/codec/src/proxy-protocol/proxy-tlv.ts';
import { type CaseResult, sameAsExpected } from '../family.ts';
import {
  blockOf,
  hasRefusedEnd,
  isBlock,
  nettyLine,
  nettyTlvs,
  type ProxyBlock,
  SSL,
  TLV_NAMES,
  tooLongBlock,
  topLevelTlvs,
  withByte,
  withNoop,
} from '../netty-proxy-header.ts';

interface Config {
  readonly maxTlvSize: number | null;
  readonly failFast: boolean;
}

interface ProxyCase {
  readonly config: Config;
  readonly chunks: readonly string[];
  readonly events: readonly (readonly unknown[])[];
}

const TRANSPORTS: Readonly<Record<ProxyHeader['transport'], string>> = {
  tcp4: 'TCP4',
  tcp6: 'TCP6',
  udp4: 'UDP4',
  udp6: 'UDP6',
  'unix-stream': 'UNIX_STREAM',
  'unix-datagram': 'UNIX_DGRAM',
  unknown: 'UNKNOWN',
};

const CHECKSUM = 3;
/** Where a block has its version. */
const VERSION_AT = 12;
const REFUSAL = [{ close: true }, { error: 'HAProxyProtocolException' }];

/** A rule of ours that is another one, on purpose, and what both give; docs/decisions/README.md#decision-0011. */
interface Difference {
  readonly reason: string;
  readonly netty: unknown;
  readonly ours: unknown;
}

export function haproxyDecoder(testCase: ProxyCase): CaseResult {
  const events = ourEvents(testCase);
  const result = sameAsExpected(events, testCase.events);
  if (result.outcome !== 'failed') return result;
  const difference = differences(testCase, events).find(
    ({ netty, ours }) =>
      sameAsExpected(netty, testCase.events).outcome === 'passed' &&
      sameAsExpected(events, ours).outcome === 'passed',
  );
  return difference === undefined ? result : { outcome: 'skipped', reason: difference.reason };
}

/** The handler after the decoder: notes what comes out of it, in Netty's words. */
class Notes implements Handler {
  private readonly words: NettyWords;
  private entries: unknown[] = [];

  constructor(words: NettyWords) {
    this.words = words;
  }

  channelRead(_ctx: Context, message: Buffer): void {
    this.entries.push({ bytes: message.toString('hex') });
  }

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (!(event instanceof ProxyProtocolEvent) || event.header === undefined) return;
    this.entries.push({ proxy: this.words.header(event.header) });
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    const isRefusal =
      isHeadraceError(error, 'FRAME_CORRUPT') || isHeadraceError(error, 'FRAME_TOO_LONG');
    // Netty closes first and reports then, we the other way round.
    this.entries.push(...(isRefusal ? REFUSAL : [{ error: String(error) }]));
  }

  take(): unknown[] {
    const { entries } = this;
    this.entries = [];
    return entries;
  }
}

function ourEvents(
  { config, chunks }: ProxyCase,
  words: NettyWords = new NettyWords(chunks),
): unknown[][] {
  const refusal: ProxyRefusal = config.failFast ? 'when-too-long' : 'at-its-end';
  const maxTlvBytes = maxTlvBytesOf(config);
  const notes = new Notes(words);
  const channel = new EmbeddedChannel(
    new ProxyProtocolDecoder({ trusted: 'any', refusal, maxTlvBytes }),
    notes,
  );
  const events = chunks.map((chunk) => {
    if (channel.isOpen) channel.writeInbound(Buffer.from(chunk, 'hex'));
    return notes.take();
  });
  channel.finish();
  return [...events, notes.take()];
}

function maxTlvBytesOf({ maxTlvSize }: Config): number {
  return Math.max(0, maxTlvSize ?? 65_535);
}

/** What Netty does with TLVs, and we do not. */
interface Accidents {
  readonly dropsLastEmptyTlv?: boolean;
  /** An SSL TLV within another one is read too; for us it is bytes. */
  readonly readsNested?: boolean;
  /** The type that stands for the one of checksums. */
  readonly checksumType?: number;
  /** What it makes of TLVs that we refuse. */
  readonly tlvs?: readonly unknown[];
}

/** Our header in Netty's words, with the texts that the case's bytes have. */
class NettyWords {
  private readonly words: readonly string[];
  private readonly block: ProxyBlock | undefined;
  private readonly accidents: Accidents;

  constructor(chunks: readonly string[], accidents: Accidents = {}) {
    const bytes = Buffer.from(chunks.join(''), 'hex');
    this.words = bytes.toString('latin1', 0, bytes.indexOf('\r\n')).split(' ');
    this.block = blockOf(bytes);
    this.accidents = accidents;
  }

  header(header: ProxyHeader): unknown {
    return {
      version: `V${header.version}`,
      command: header.command.toUpperCase(),
      protocol: TRANSPORTS[header.transport],
      source: this.host(header, header.source, 0),
      destination: this.host(header, header.destination, 1),
      sourcePort: portOf(header.source),
      destinationPort: portOf(header.destination),
      tlvs: this.accidents.tlvs ?? this.tlvs(header.tlvs, this.block?.tlvs.length ?? 0),
    };
  }

  /** We write an IPv6 address in one way only. Netty keeps the text of a line, and writes all groups of a block. */
  private host(header: ProxyHeader, address: Address | undefined, which: 0 | 1): string | null {
    if (address === undefined) return null;
    if ('path' in address) return this.path(address.path, which);
    if (address.family === 'IPv4') return address.host;
    if (header.version === 2) return groupsOf(address.host).join(':');
    const written = this.words[2 + which] ?? '';
    const isSame = isIPv6(written) && groupsOf(written).join() === groupsOf(address.host).join();
    return isSame ? written : address.host;
  }

  /** Netty reads a path byte by byte, we read it as UTF-8. */
  private path(path: string, which: 0 | 1): string {
    const written = this.block?.addresses.subarray(108 * which, 108 * which + 108);
    const [bytes = ''] = written?.toString('latin1').split('\0') ?? [];
    return path === Buffer.from(bytes, 'latin1').toString('utf8') ? bytes : path;
  }

  /** Each TLV and, after an SSL TLV, those inside it. */
  private tlvs(tlvs: readonly ProxyTlv[], bytes: number, isOuter = true): unknown[] {
    const last = tlvs.at(-1);
    const total = tlvs.reduce((sum, { value }) => sum + 3 + value.length, 0);
    // Netty takes less than four bytes for the end: an empty TLV with nothing after it.
    const isEmpty = last?.value.length === 0 && total === bytes;
    const isLost = isEmpty && this.accidents.dropsLastEmptyTlv;
    return (isLost ? tlvs.slice(0, -1) : tlvs).flatMap((tlv) => this.tlv(tlv, isOuter));
  }

  private tlv(tlv: ProxyTlv, isOuter: boolean): unknown[] {
    const { value } = tlv;
    if (!isOuter && tlv.type === SSL && this.accidents.readsNested) {
      return nettyTlvs(formatTlvs([tlv]), false);
    }
    const type = isOuter && tlv.type === this.accidents.checksumType ? CHECKSUM : tlv.type;
    const plain = { type, typeName: TLV_NAMES[type] ?? 'OTHER', hex: value.toString('hex') };
    if (tlv.name !== 'ssl') return [plain];
    const encapsulated = this.tlvs(tlv.tlvs, value.length - 5, false);
    const ssl = {
      clientSSL: tlv.isTls,
      clientCertConn: tlv.hasConnectionCertificate,
      clientCertSess: tlv.hasSessionCertificate,
      verify: tlv.verify | 0,
      encapsulated,
    };
    return isOuter ? [{ ...plain, ssl }, ...encapsulated] : [{ ...plain, ssl }];
  }
}

function portOf(address: Address | undefined): number {
  return address === undefined || 'path' in address ? 0 : address.port;
}

/** The eight groups of an IPv6 address, in hexadecimal. */
function groupsOf(host: string): string[] {
  const written = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [front = '', back] = written.split('::');
  const [before, after] = [front, back ?? ''].map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - before!.length - after!.length }, () => '0');
  return [...before!, ...zeros, ...after!];
}

// --- where we differ on purpose ---

function differences(testCase: ProxyCase, ours: unknown[][]): Difference[] {
  const { config, chunks } = testCase;
  const found: Difference[] = [];
  const refusedAt = (chunk: number): unknown[][] => eventsAt(chunks, { [chunk]: REFUSAL });
  const line = nettyLine(chunks, config.failFast);
  if (line.outcome !== 'line' && !isBlock(chunks) && hasCutLineEnd(chunks)) {
    found.push({
      reason:
        'Netty counts the CR of a line that is cut between CR and LF; for us the cut makes no difference',
      netty: line.outcome === 'refused' ? refusedAt(line.chunk) : eventsAt(chunks, {}),
      ours: ourEvents({ ...testCase, chunks: withoutCut(chunks) }),
    });
  } else if (line.outcome === 'line') {
    const { chunk, end, words, hasSpaces } = line;
    const read = passedOn(chunks, chunk, end, lineHeader(words));
    if (isLoose(words, hasSpaces)) {
      const reason = 'only Netty takes an address, a port or an end of the line in this form';
      found.push({ reason, netty: read, ours: refusedAt(chunk) });
    } else if (words.slice(4).includes('0')) {
      found.push({ reason: 'Netty refuses port 0', netty: refusedAt(chunk), ours: read });
    }
  }
  if (isBlock(chunks, 'ff')) {
    found.push({
      reason: 'Netty waits for ever after a version byte of ff; we refuse it as any other version',
      netty: eventsAt(chunks, {}),
      ours: ourEvents({ ...testCase, chunks: withByte(chunks, [VERSION_AT], 0x3f) }),
    });
  }
  const tooLong = config.failFast ? undefined : tooLongBlock(chunks, maxTlvBytesOf(config));
  if (tooLong !== undefined) {
    found.push({
      reason: 'Netty loses the length of a too long header that comes in pieces',
      netty: refusedAt(tooLong.netty),
      ours: refusedAt(tooLong.ours),
    });
  }
  const block = blockOf(Buffer.from(chunks.join(''), 'hex'));
  if (block !== undefined && hasRefusedEnd(block.tlvs)) {
    found.push({
      reason: 'Netty passes over the last bytes of TLVs, if they are less than four',
      netty: withNettyTlvs(testCase, block),
      ours: refusedAt(ours.findIndex((events) => events.length > 0)),
    });
  }
  found.push({
    reason: 'Netty passes over an empty TLV at the end',
    netty: ourEvents(testCase, new NettyWords(chunks, { dropsLastEmptyTlv: true })),
    ours,
  });
  const checksums = withoutChecksums(testCase);
  for (const dropsLastEmptyTlv of [false, true]) {
    const accidents = { dropsLastEmptyTlv, readsNested: true };
    found.push({
      reason: 'Netty reads an SSL TLV within an SSL TLV; for us it is bytes',
      netty: ourEvents(testCase, new NettyWords(chunks, accidents)),
      ours,
    });
    if (checksums === undefined) continue;
    const words = new NettyWords(chunks, { ...accidents, checksumType: checksums.type });
    const netty = ourEvents(checksums.testCase, words);
    found.push({
      reason: 'Netty does not look at checksums',
      netty,
      ours: refusedAt(netty.findIndex((events) => events.length > 0)),
    });
  }
  return found;
}

/** What Netty does with a block whose TLVs we refuse: our header without them, and Netty's in their place. */
function withNettyTlvs(testCase: ProxyCase, block: ProxyBlock): unknown[][] | undefined {
  const { config, chunks } = testCase;
  let tlvs: unknown[];
  try {
    tlvs = nettyTlvs(block.tlvs);
  } catch {
    return undefined;
  }
  // The block may have grown.
  const maxTlvSize = config.maxTlvSize === null ? null : maxTlvBytesOf(config) + 3;
  const whole = withNoop(chunks, block);
  return ourEvents(
    { ...testCase, config: { ...config, maxTlvSize }, chunks: whole },
    new NettyWords(chunks, { tlvs }),
  );
}

/** The case with the CR at the end of a chunk in the next one, the first such CR, or without it if nothing follows. */
function withoutCut(chunks: readonly string[]): string[] {
  const at = chunks.findIndex((_, index) => hasCutLineEnd(chunks.slice(index, index + 2)));
  return chunks.map((chunk, index) => {
    if (index === at) return chunk.slice(0, -2);
    return index === at + 1 ? `0d${chunk}` : chunk;
  });
}

/** A chunk ends between CR and LF, or in a CR after which nothing came. */
function hasCutLineEnd(chunks: readonly string[]): boolean {
  return chunks.some((chunk, at) => {
    const next = chunks[at + 1];
    return chunk.endsWith('0d') && (next === undefined || next.startsWith('0a'));
  });
}

/** The lists of a case in which only these chunks have events. */
function eventsAt(chunks: readonly string[], events: Record<number, unknown[]>): unknown[][] {
  return [...chunks.map((_, at) => events[at] ?? []), []];
}

/** A header that ends in a chunk, and all that follows it. */
function passedOn(
  chunks: readonly string[],
  at: number,
  end: number,
  header: unknown,
): unknown[][] {
  const before = chunks.slice(0, at).join('').length;
  const rest = chunks[at]!.slice(2 * end - before);
  const lists = chunks.map((chunk, index): unknown[] => {
    if (index < at) return [];
    if (index > at) return [{ bytes: chunk }];
    return rest === '' ? [{ proxy: header }] : [{ proxy: header }, { bytes: rest }];
  });
  return [...lists, []];
}

function lineHeader(words: readonly string[]): unknown {
  const [, protocol, source, destination, sourcePort, destinationPort] = words;
  return {
    version: 'V1',
    command: 'PROXY',
    protocol,
    source,
    destination,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
    tlvs: [],
  };
}

/** Leading zeros, brackets, zones, signs, in one of the addresses or ports at least, or spaces at the end. */
function isLoose([word, protocol, ...rest]: readonly string[], hasSpaces: boolean): boolean {
  if (word !== 'PROXY' || rest.length !== 4) return false;
  const [hosts, ports] = [rest.slice(0, 2), rest.slice(2)];
  if (!ports.every(isLoosePort)) return false;
  const arePlainPorts = ports.every((port) => /^[1-9]\d*$/.test(port)) && !hasSpaces;
  if (protocol === 'TCP4') {
    return hosts.every(isLooseV4) && !(arePlainPorts && hosts.every((host) => isIPv4(host)));
  }
  if (protocol !== 'TCP6') return false;
  const isPlain = (host: string): boolean => isIPv6(host) && !host.includes('%');
  const isTaken = (host: string): boolean =>
    isIPv6(host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, ''));
  return hosts.every(isTaken) && !(arePlainPorts && hosts.every(isPlain));
}

function isLoosePort(port: string): boolean {
  return /^[+-]?\d+$/.test(port) && Number(port) > 0 && Number(port) <= 65_535;
}

function isLooseV4(host: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) && host.split('.').every((part) => +part < 256);
}

/** The case with another type in place of its checksums', and that type. */
function withoutChecksums(
  testCase: ProxyCase,
): { readonly testCase: ProxyCase; readonly type: number } | undefined {
  const bytes = Buffer.from(testCase.chunks.join(''), 'hex');
  const block = blockOf(bytes);
  const tlvs = block === undefined ? [] : topLevelTlvs(block);
  const places = tlvs.filter(({ type }) => type === CHECKSUM).map(({ at }) => at);
  if (places.length === 0) return undefined;
  const used = new Set(tlvs.map(({ type }) => type));
  // One that means nothing to either side.
  let type = 0xe0;
  while (used.has(type)) type += 1;
  const chunks = withByte(testCase.chunks, places, type);
  return { testCase: { ...testCase, chunks }, type };
}
