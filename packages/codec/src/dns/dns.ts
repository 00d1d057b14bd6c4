/**
 * Queries and answers of the DNS, with the library `dns-packet`: `@headrace/codec/dns`.
 *
 * @module
 */
export { DnsCodec } from './dns-codec.ts';
export { type DnsDatagram, DnsDatagramCodec, type DnsReply } from './dns-datagram-codec.ts';
export {
  type DnsAnswerParts,
  type DnsMessage,
  type DnsPacket,
  type DnsPlace,
  type DnsRcode,
  dnsAnswer,
} from './dns-message.ts';
