import type { Buffer } from 'node:buffer';
import type { Context, MessageKinds } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import type { MessageToMessageDecoderOptions } from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { invalidMessage } from '../schema/invalid-message.ts';
import { type DnsMessage, type DnsPacket, type DnsPlace, SAFE_BYTES } from './dns-message.ts';
import { formatDnsDatagram } from './format-dns.ts';
import { parseDns } from './parse-dns.ts';

/** A received datagram: a `Datagram` of `@headrace/datagram`. */
export interface DnsDatagram {
  /** The message on the wire. */
  readonly bytes: Buffer;
  /** Address of the sender. */
  readonly sender: DnsPlace;
}

/** A datagram to send: an `OutboundDatagram` of `@headrace/datagram`. */
export interface DnsReply {
  /** The message on the wire. */
  readonly bytes: Buffer;
  /** Address of the recipient. Without a recipient, the datagram is sent to the peer of the channel. */
  readonly recipient?: DnsPlace | undefined;
}

const KINDS: MessageKinds = {
  reads: 'values',
  passesOn: 'values',
  accepts: 'values',
  writes: 'values',
};

/**
 * Turns the datagrams of a `DatagramBootstrap` into DNS messages with their `sender`, and messages into datagrams for their
 * `recipient`. The codec needs the package `dns-packet`. Import it from `@headrace/codec/dns`.
 *
 * ```text
 *  UDP | [DnsDatagramCodec] | app     the same handlers of the application as after a DnsCodec
 * ```
 *
 * - **Place** First, on a channel of datagrams.
 * - **In** Inbound a `Datagram`, and outbound a `DnsPacket`. Other messages are refused (`otherMessages`).
 * - **Out** Inbound a `DnsMessage` with its `sender`, and outbound a datagram. An answer above `maxDatagramBytes` is sent without
 *   its records and with the flag TC.
 * - **Events** All pass.
 * - **Errors** See `DnsCodec`. The errors contain the `host` and `port` of the sender. The channel stays open, and the next
 *   datagram is read.
 * - **State** Only the state of a decoder. Each channel needs its own codec.
 * - **Cost** See `DnsCodec`.
 * - **Pitfalls** Senders can be forged, and an answer is longer than its query. A server for strangers should limit its answers
 *   for each sender. If a client sends to a host name, the name is looked up for each datagram.
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
