import type { Context, OutboundBytes } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import type { MessageToMessageDecoderOptions } from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { invalidMessage } from '../schema/invalid-message.ts';
import type { DnsMessage, DnsPacket } from './dns-message.ts';
import { formatDns } from './format-dns.ts';
import { parseDns } from './parse-dns.ts';

/**
 * Turns frames into DNS messages and DNS messages into frames, over TCP, TLS (DoT), or a channel for each peer. The codec needs
 * the package `dns-packet`. Import it from `@headrace/codec/dns`.
 *
 * ```text
 *  wire | length prefix of 2 bytes | [DnsCodec] | app
 *  BEFORE 00 07 01 00 00 01 00 00 …  →  AFTER { id: 7, type: 'query', questions: [{ name: 'example.com', … }], … }
 * ```
 *
 * - **Place** After `lengthPrefixed({ bytes: 2, maxFrameLength: 65_535 })`.
 * - **In** Inbound `Buffer`, and outbound a `DnsPacket`, for example `dnsAnswer(query, …)`. Other messages are refused
 *   (`otherMessages`).
 * - **Out** Inbound a `DnsMessage`, and outbound bytes.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_INVALID` for bytes that are not a DNS message, are too short or too long, contain a record whose
 *   data do not have their length, a name that is not UTF-8, or more than 8 pointers in a row. A write fails with `HR_ERR_MESSAGE_NOT_ENCODABLE` or `HR_ERR_MESSAGE_TOO_LONG`.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** The library, and one check of each byte.
 * - **Pitfalls** A label that contains a dot is read as two labels. Records without data, which delete in dynamic updates
 *   (RFC 2136), are refused. The client must match answers to its queries by id, question,
 *   and, for datagrams, sender.
 *
 * @example
 * ```ts run
 * import { lengthPrefixed } from '@headrace/codec';
 * import { DnsCodec, type DnsMessage } from '@headrace/codec/dns';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const frames = () => lengthPrefixed({ bytes: 2, maxFrameLength: 65_535 });
 * const client = new EmbeddedChannel(...frames(), new DnsCodec());
 * client.writeOutbound({ id: 7, questions: [{ type: 'A', name: 'example.com' }] });
 * const server = new EmbeddedChannel(...frames(), new DnsCodec());
 * server.writeInbound(client.readOutbound());
 * const query = server.readInbound<DnsMessage>();
 * console.log(query?.id, query?.questions[0]?.name); // prints 7 example.com
 * ```
 * @see Netty's `TcpDnsQueryDecoder` and `TcpDnsResponseEncoder`, RFC 1035, RFC 7766
 */
export class DnsCodec extends MessageToMessageCodec<Buffer, DnsMessage, OutboundBytes, DnsPacket> {
  constructor(options: MessageToMessageDecoderOptions = {}) {
    super(options, 'DnsCodec', BYTES_AND_VALUES);
  }

  override decode(_ctx: Context, bytes: Buffer): DnsMessage {
    try {
      return parseDns(toBuffer(bytes));
    } catch (thrown) {
      throw invalidMessage(this, bytes, thrown);
    }
  }

  override encode(packet: DnsPacket): OutboundBytes {
    return formatDns(packet);
  }
}
