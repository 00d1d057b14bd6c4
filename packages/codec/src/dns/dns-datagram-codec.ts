import type { Buffer } from 'node:buffer';
import type { Context, MessageKinds } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import type { MessageToMessageDecoderOptions } from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { invalidMessage } from '../schema/invalid-message.ts';
import { type DnsMessage, type DnsPacket, type DnsPlace, SAFE_BYTES } from './dns-message.ts';
import { formatDnsDatagram } from './format-dns.ts';
import { parseDns } from './parse-dns.ts';

/** A datagram that came: a `Datagram` of `@headrace/datagram`. */
export interface DnsDatagram {
  /** The message on the wire. */
  readonly bytes: Buffer;
  /** Where it came from. */
  readonly sender: DnsPlace;
}

/** A datagram to be sent: an `OutboundDatagram` of `@headrace/datagram`. */
export interface DnsReply {
  /** The message on the wire. */
  readonly bytes: Buffer;
  /** Where it goes. Without it, to the peer of the channel. */
  readonly recipient?: DnsPlace | undefined;
}

const KINDS: MessageKinds = {
  reads: 'values',
  passesOn: 'values',
  accepts: 'values',
  writes: 'values',
};

/**
 * Turns the datagrams of a `DatagramBootstrap` into messages of the DNS with their `sender`, and messages into datagrams for
 * their `recipient`. It needs the package `dns-packet`, and comes from `@headrace/codec/dns`.
 *
 * ```text
 *  UDP | [DnsDatagramCodec] | app     the same handlers of the application as after a DnsCodec
 * ```
 *
 * - **Place** first, on a channel of datagrams.
 * - **In** inbound a `Datagram`; outbound a `DnsPacket`. Anything else is refused (`otherMessages`).
 * - **Out** inbound a `DnsMessage` with its `sender`; outbound a datagram. An answer above `maxDatagramBytes` goes out without its
 *   records and with the flag TC.
 * - **Events** all pass.
 * - **Errors** as `DnsCodec`, with `host` and `port` of the sender. The channel stays, and the next datagram is read.
 * - **State** none but that of a decoder: one codec for each channel.
 * - **Cost** as `DnsCodec`.
 * - **Pitfalls** senders can be forged, and an answer is longer than its query: a server that serves strangers should
 *   limit its answers for each sender. A name that a client sends to is looked up for each datagram.
 *
 * @example
 * ```ts check
 * import { type DnsMessage, type DnsPacket, DnsDatagramCodec, dnsAnswer } from '@headrace/codec/dns';
 * import { handler } from '@headrace/core';
 * import { DatagramBootstrap } from '@headrace/datagram';
 *
 * const zone = handler<{ reads: DnsMessage; passesOn: never; writes: DnsPacket }>({
 *   channelRead: (ctx, query) => void ctx.writeAndFlush(dnsAnswer(query, { rcode: 'NXDOMAIN' })),
 * });
 * const server = await new DatagramBootstrap()
 *   .handler((channel) => channel.pipeline.addLast(new DnsDatagramCodec(), zone))
 *   .bind({ port: 53 });
 * ```
 * @see Netty's `DatagramDnsQueryDecoder` and `DatagramDnsResponseEncoder`, RFC 1035, RFC 6891
 */
export class DnsDatagramCodec extends MessageToMessageCodec<
  DnsDatagram,
  DnsMessage,
  DnsReply,
  DnsPacket
> {
  constructor(options: MessageToMessageDecoderOptions = {}) {
    super(options, undefined, KINDS);
  }

  override accepts(message: unknown): boolean {
    const { bytes, sender } = (message ?? {}) as Partial<DnsDatagram>;
    return bytes instanceof Uint8Array && typeof sender === 'object';
  }

  override decode(_ctx: Context, { bytes, sender }: DnsDatagram): DnsMessage {
    try {
      return { ...parseDns(toBuffer(bytes)), sender };
    } catch (thrown) {
      throw invalidMessage(this, bytes, thrown, undefined, sender);
    }
  }

  override encode(packet: DnsPacket): DnsReply {
    const { recipient, maxDatagramBytes = SAFE_BYTES } = packet;
    return { bytes: formatDnsDatagram(packet, maxDatagramBytes), recipient };
  }
}
