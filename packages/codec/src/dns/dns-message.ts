import type { Answer, OptAnswer, Packet, Question } from 'dns-packet';

/** The result that an answer reports. */
export type DnsRcode =
  | 'NOERROR'
  | 'FORMERR'
  | 'SERVFAIL'
  | 'NXDOMAIN'
  | 'NOTIMP'
  | 'REFUSED'
  | 'YXDOMAIN'
  | 'YXRRSET'
  | 'NXRRSET'
  | 'NOTAUTH'
  | 'NOTZONE';

/** In the order of their numbers. */
export const RCODES: readonly DnsRcode[] = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
];

/** The address of a sender or of a recipient. */
export interface DnsPlace {
  /** An IP address. */
  readonly host: string;
  /** The port, 1 to 65535. */
  readonly port: number;
}

/** A message that came. Its records are those of `dns-packet`; `data` that is a `Buffer` is a view of the message. */
export interface DnsMessage {
  /** The number that an answer has from its query, 0 to 65535. */
  readonly id: number;
  readonly type: 'query' | 'response';
  /** The 15 bits of flags after the type, with opcode and rcode, as they came. */
  readonly flags: number;
  /** The server is an authority for the name. */
  readonly flag_aa: boolean;
  /** The answer was too long for a datagram: ask again over TCP. */
  readonly flag_tc: boolean;
  /** The client asks for recursion. */
  readonly flag_rd: boolean;
  /** The server offers recursion. */
  readonly flag_ra: boolean;
  /** The server has verified the data (DNSSEC). */
  readonly flag_ad: boolean;
  /** The client asks for data that is not verified (DNSSEC). */
  readonly flag_cd: boolean;
  /** `'QUERY'`, or another operation. */
  readonly opcode: string;
  /** A {@link DnsRcode}, or `'RCODE_11'` to `'RCODE_15'`. */
  readonly rcode: string;
  /** The names and types that are asked for. */
  readonly questions: readonly Question[];
  /** The records that answer. */
  readonly answers: readonly Answer[];
  /** Records of the servers that are authorities for the name. */
  readonly authorities: readonly Answer[];
  /** Records that help, and those of EDNS. */
  readonly additionals: readonly Answer[];
  /** Its sender, if it came in a datagram. */
  readonly sender?: DnsPlace | undefined;
}

/** A message to be sent. */
export interface DnsPacket {
  /** 0 to 65535; what a client sends should be random. @default 0 */
  readonly id?: number | undefined;
  /** A query or an answer. @default 'query' */
  readonly type?: 'query' | 'response' | undefined;
  /** Constants of `dns-packet`, such as `RECURSION_DESIRED`. @default 0 */
  readonly flags?: number | undefined;
  /** @default what `flags` has */
  readonly rcode?: DnsRcode | undefined;
  /** The names and types that are asked for. @default none */
  readonly questions?: readonly Question[] | undefined;
  /** The records that answer. @default none */
  readonly answers?: readonly Answer[] | undefined;
  /** Records of the servers that are authorities for the name. @default none */
  readonly authorities?: readonly Answer[] | undefined;
  /** Records that help, and those of EDNS. @default none */
  readonly additionals?: readonly Answer[] | undefined;
  /** Whom a datagram goes to. @default the peer of a channel that is connected */
  readonly recipient?: DnsPlace | undefined;
  /** An answer that is longer goes out without its records and with the flag TC, in a datagram. @default 1232 */
  readonly maxDatagramBytes?: number | undefined;
}

/** The parts of an answer beyond its query. */
export type DnsAnswerParts = Pick<
  DnsPacket,
  'rcode' | 'flags' | 'answers' | 'authorities' | 'additionals'
>;

/** Of a client that names no limit (RFC 1035, 4.2.1). */
const PLAIN_BYTES = 512;
/** A size that passes every link without fragments; the DNS flag day of 2020. */
export const SAFE_BYTES = 1232;
/** The bits that an answer copies from its query: opcode, RD and CD. */
const COPIED_FLAGS = 0x7910;

export const isOpt = (record: Answer): record is OptAnswer => record.type === 'OPT';

/**
 * The answer to a query, for its sender: with its id, its questions, and a limit for datagrams that its client can take. A
 * query with EDNS gets an answer with EDNS.
 *
 * @see RFC 1035, 4.1.1, and RFC 6891, 6.1.1
 */
export function dnsAnswer(query: DnsMessage, parts: DnsAnswerParts = {}): DnsPacket {
  const { id, questions, sender } = query;
  const asked = query.additionals.find(isOpt);
  const limit = Math.min(SAFE_BYTES, Math.max(PLAIN_BYTES, asked?.udpPayloadSize ?? 0));
  const additionals = [...(parts.additionals ?? [])];
  if (asked !== undefined && !additionals.some(isOpt)) additionals.push(ownOpt());
  return {
    ...parts,
    id,
    type: 'response',
    flags: (parts.flags ?? 0) | (query.flags & COPIED_FLAGS),
    questions,
    additionals,
    recipient: sender,
    maxDatagramBytes: limit,
  };
}

function ownOpt(): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: SAFE_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}

/** The library's arrays are not readonly. */
export function packetOf({
  recipient: _to,
  maxDatagramBytes: _limit,
  rcode,
  ...rest
}: DnsPacket): Packet {
  const flags = rest.flags ?? 0;
  const own = {
    ...rest,
    flags: rcode === undefined ? flags : (flags & ~0xf) | RCODES.indexOf(rcode),
  };
  return own as Packet;
}
