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

/** The results in the order of their numbers. */
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

/** The address of a sender or a recipient. */
export interface DnsPlace {
  /** IP address. */
  readonly host: string;
  /** Port, 1 to 65535. */
  readonly port: number;
}

/**
 * A received message. The records are those of `dns-packet`. If the `data` of a record is a `Buffer`, the `Buffer` is a view of
 * the message.
 */
export interface DnsMessage {
  /** Identifier of the query, 0 to 65535. An answer has the identifier of its query. */
  readonly id: number;
  readonly type: 'query' | 'response';
  /** The 15 bits of flags after the type, including opcode and rcode, unchanged. */
  readonly flags: number;
  /** Whether the server is an authority for the name. */
  readonly flag_aa: boolean;
  /** Whether the answer was too long for a datagram. If true, send the query again over TCP. */
  readonly flag_tc: boolean;
  /** Whether the client requests recursion. */
  readonly flag_rd: boolean;
  /** Whether the server offers recursion. */
  readonly flag_ra: boolean;
  /** Whether the server has verified the data (DNSSEC). */
  readonly flag_ad: boolean;
  /** Whether the client requests data that is not verified (DNSSEC). */
  readonly flag_cd: boolean;
  /** The operation: `'QUERY'`, or another operation. */
  readonly opcode: string;
  /** The result: a {@link DnsRcode}, `'BADVERS'`, or another number, for example `'RCODE_11'`. */
  readonly rcode: string;
  /** The requested names and types. */
  readonly questions: readonly Question[];
  /** The records that answer the questions. */
  readonly answers: readonly Answer[];
  /** Records of the servers that are authorities for the name. */
  readonly authorities: readonly Answer[];
  /** Additional records, and the records of EDNS. */
  readonly additionals: readonly Answer[];
  /** The sender of the message, if it arrived in a datagram. */
  readonly sender?: DnsPlace | undefined;
}

/** A message to send. */
export interface DnsPacket {
  /** Identifier, 0 to 65535. A client should use random identifiers. @default 0 */
  readonly id?: number | undefined;
  /** Kind of message: a query or an answer. @default 'query' */
  readonly type?: 'query' | 'response' | undefined;
  /** Flags from the constants of `dns-packet`, for example `RECURSION_DESIRED`. @default 0 */
  readonly flags?: number | undefined;
  /** Result of an answer. @default the result in `flags` */
  readonly rcode?: DnsRcode | undefined;
  /** The requested names and types. @default none */
  readonly questions?: readonly Question[] | undefined;
  /** The records that answer the questions. @default none */
  readonly answers?: readonly Answer[] | undefined;
  /** Records of the servers that are authorities for the name. @default none */
  readonly authorities?: readonly Answer[] | undefined;
  /** Additional records, and the records of EDNS. @default none */
  readonly additionals?: readonly Answer[] | undefined;
  /** Recipient of a datagram. @default the peer of a connected channel */
  readonly recipient?: DnsPlace | undefined;
  /**
   * Maximum length of an answer in a datagram, in bytes. A longer answer is sent without its records and with the flag TC.
   * @default 1232
   */
  readonly maxDatagramBytes?: number | undefined;
}

/** The parts of an answer that are not copied from its query. */
export type DnsAnswerParts = Pick<
  DnsPacket,
  'rcode' | 'flags' | 'answers' | 'authorities' | 'additionals'
>;

/** Limit for a client that announces no limit (RFC 1035, 4.2.1). */
const PLAIN_BYTES = 512;
/** A size that passes every network without fragments, as the DNS flag day of 2020 recommends. */
export const SAFE_BYTES = 1232;
/** The bits that an answer copies from its query: opcode, RD and CD. */
const COPIED_FLAGS = 0x7910;
/** The flag DO of a record of EDNS. */
const DNSSEC_OK = 0x8000;

export const isOpt = (record: Answer): record is OptAnswer => record.type === 'OPT';

/**
 * Returns the answer to a query, addressed to the sender of the query. The answer has the id and the questions of the query, and
 * a limit for datagrams that the client can receive. A query with EDNS is answered with EDNS, and any other query without.
 *
 * A query with a later version of EDNS is answered with BADVERS, and a query with two records of EDNS with FORMERR, in place of
 * `parts`.
 *
 * @see RFC 1035, 4.1.1, and RFC 6891, 6.1.1 and 6.1.3
 */
export function dnsAnswer(query: DnsMessage, parts: DnsAnswerParts = {}): DnsPacket {
  const { id, questions, sender } = query;
  const [asked, second] = query.additionals.filter(isOpt);
  const limit = Math.min(SAFE_BYTES, Math.max(PLAIN_BYTES, asked?.udpPayloadSize ?? 0));
  const isLater = asked !== undefined && asked.ednsVersion > 0;
  const isRefused = isLater || second !== undefined;
  const given: DnsAnswerParts = isRefused ? { rcode: isLater ? 'NOERROR' : 'FORMERR' } : parts;
  // A client without EDNS must get no record of EDNS.
  const additionals = (given.additionals ?? [])
    .filter((record) => asked !== undefined || !isOpt(record))
    .map((record) => (isOpt(record) ? withFlagOf(asked!, record) : record));
  if (asked !== undefined && !additionals.some(isOpt)) additionals.push(ownOpt(asked, isLater));
  return {
    ...given,
    id,
    type: 'response',
    flags: (given.flags ?? 0) | (query.flags & COPIED_FLAGS),
    questions,
    additionals,
    recipient: sender,
    maxDatagramBytes: limit,
  };
}

/** Returns the record of EDNS of an answer, with the flag DO of the query (RFC 3225, section 3). */
function withFlagOf({ flag_do }: OptAnswer, opt: OptAnswer): OptAnswer {
  return { ...opt, flags: (opt.flags & ~DNSSEC_OK) | (flag_do ? DNSSEC_OK : 0), flag_do };
}

function ownOpt(asked: OptAnswer, isLater: boolean): OptAnswer {
  return withFlagOf(asked, {
    type: 'OPT',
    name: '.',
    udpPayloadSize: SAFE_BYTES,
    // The upper bits of the result: BADVERS has the number 16.
    extendedRcode: isLater ? 1 : 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  });
}

/** Returns a packet as the type of the library, whose arrays are not readonly. */
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
