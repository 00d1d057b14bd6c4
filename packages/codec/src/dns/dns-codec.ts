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
 * Turns frames into messages of the DNS and back, over TCP, TLS (DoT), or a channel for each peer. It needs the package
 * `dns-packet`, and comes from `@headrace/codec/dns`.
 *
 * ```text
 *  wire | length prefix of 2 bytes | [DnsCodec] | app
 *  BEFORE 00 07 01 00 00 01 00 00 …  →  AFTER { id: 7, type: 'query', questions: [{ name: 'example.com', … }], … }
 * ```
 *
 * - **Place** after `lengthPrefixed({ bytes: 2, maxFrameLength: 65_535 })`.
 * - **In** inbound `Buffer`; outbound a `DnsPacket`, such as `dnsAnswer(query, …)`. Anything else is refused (`otherMessages`).
 * - **Out** inbound a `DnsMessage`; outbound bytes.
 * - **Events** all pass.
 * - **Errors** `HR_ERR_MESSAGE_INVALID` for a value that is not such a message, ends too early or too late, or has more than 8
 *   pointers in a row; `HR_ERR_MESSAGE_NOT_ENCODABLE` and `HR_ERR_MESSAGE_TOO_LONG` fail the write.
 * - **State** whether it has failed: one codec for each channel.
 * - **Cost** the library, and one look at each byte.
 * - **Pitfalls** a label may contain a dot, and reads as two labels then. A client matches answers to its queries: by id,
 *   question, and, in datagrams, sender.
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
