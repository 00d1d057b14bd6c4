import type { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import type { Address, OutboundBytes } from '@headrace/core';

/** Where a datagram goes: an address, or the name of a host, which is looked up for each datagram. */
export interface Recipient {
  /** An address or a name. */
  readonly host: string;
  /** The port, 1 to 65535. */
  readonly port: number;
}

/**
 * A datagram to be sent: to its recipient, or else to its sender, which it answers then. On a channel with a peer it goes to
 * the peer: a `recipient` may be left out, and another one fails the write with `DATAGRAM_RECIPIENT`.
 */
export interface OutboundDatagram {
  readonly bytes: OutboundBytes;
  /** Where it goes. Without it, to `sender`, or to the peer of the channel. */
  readonly recipient?: Recipient | undefined;
  /** Where the datagram came from that this one answers. */
  readonly sender?: Recipient | undefined;
}

/** The address of a sender. */
export type SenderAddress = Extract<Address, { readonly host: string }>;

/**
 * A datagram that came. To answer its sender, write {@link Datagram.reply}, or the datagram itself as an echo. The sender
 * is what the datagram claims: anybody can write another one's address there.
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
  /** The content of the datagram. */
  readonly bytes: Buffer;
  /** The address that the datagram claims to come from. */
  readonly sender: SenderAddress;

  constructor(bytes: Buffer, sender: SenderAddress) {
    this.bytes = bytes;
    this.sender = sender;
  }

  /** An answer to the sender. */
  reply(bytes: OutboundBytes): OutboundDatagram {
    return { bytes, recipient: this.sender };
  }

  toString(): string {
    const { host, port } = this.sender;
    return `Datagram(${this.bytes.length} bytes from ${host}:${port})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
