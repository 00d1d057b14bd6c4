import type { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import type { Address, OutboundBytes } from '@headrace/core';
import { urlHost } from '@headrace/core/authoring';

/**
 * The recipient of a datagram: an address, or a host name, which is looked up for each datagram. Later writes of the channel wait for
 * the lookup.
 */
export interface Recipient {
  /** Address or host name. */
  readonly host: string;
  /** Port, from 1 to 65535. */
  readonly port: number;
}

/**
 * A datagram to send to its recipient or, without a recipient, as an answer to its sender. A channel with a peer always sends
 * to the peer. On such a channel `recipient` can be omitted, and another recipient fails the write with `DATAGRAM_RECIPIENT`.
 */
export interface OutboundDatagram {
  readonly bytes: OutboundBytes;
  /** Recipient of the datagram. Without it, the datagram is sent to `sender`, or to the peer of the channel. */
  readonly recipient?: Recipient | undefined;
  /** Sender of the datagram that this datagram answers. */
  readonly sender?: Recipient | undefined;
}

/** The address of a sender. */
export type SenderAddress = Extract<Address, { readonly host: string }>;

/**
 * A received datagram. To answer its sender, write {@link Datagram.reply}, or the datagram itself as an echo. The sender's
 * address is not proved, because anyone can forge it.
 *
 * @example
 * ```ts check
 * import { handler } from '@headrace/core';
 * import type { Datagram, OutboundDatagram } from '@headrace/datagram';
 *
 * const time = handler<{ reads: Datagram; passesOn: never; writes: OutboundDatagram }>({
 *   sharable: true,
 *   channelRead: (ctx, datagram) =>
 *     void ctx.writeAndFlush(datagram.reply(Buffer.from(new Date().toISOString()))),
 * });
 * ```
 * @see Netty's `DatagramPacket`
 */
export class Datagram implements OutboundDatagram {
  readonly bytes: Buffer;
  /** The address that the datagram claims as its source. */
  readonly sender: SenderAddress;

  constructor(bytes: Buffer, sender: SenderAddress) {
    this.bytes = bytes;
    this.sender = sender;
  }

  /** Returns an answer to the sender. */
  reply(bytes: OutboundBytes): OutboundDatagram {
    return { bytes, recipient: this.sender };
  }

  toString(): string {
    const { host, port } = this.sender;
    return `Datagram(${this.bytes.length} bytes from ${urlHost(host)}:${port})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
