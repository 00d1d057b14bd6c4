import { Buffer } from 'node:buffer';
import type { Context, Direction, Handler, Types, WriteFuture } from '@headrace/core';
import {
  describeOptions,
  isOutboundBytes,
  object,
  toBuffer,
  toError,
} from '@headrace/core/authoring';
import {
  ACK,
  endsOf,
  FIN,
  MAX_PAYLOAD_BYTES,
  type PacketEnd,
  PSH,
  RST,
  SYN,
  tcpPacket,
} from './pcap-packet.ts';
import type { PcapWriter } from './pcap-writer.ts';

/** Options of a {@link PcapHandler}. */
export interface PcapOptions {
  /** The writer of the packets. Many channels may share a writer. */
  readonly writer: PcapWriter;
}

const OPTIONS = describeOptions('PcapHandler', {
  writer: object('a PcapWriter', { required: true }),
});

const NOTHING = Buffer.alloc(0);

/** One side of the simulated TCP connection. */
interface Side {
  end: PacketEnd;
  /** The sequence number of the next byte. */
  seq: number;
  hasEnded: boolean;
}

/**
 * Writes the bytes that pass it to a capture file for Wireshark, as a TCP connection with a handshake, data and an end. It needs
 * no special rights, shows decrypted TLS data, and records all traffic of the pipeline.
 *
 * ```text
 *  wire | [pcap] | frame | codec | app           the bytes of the socket
 *  wire | tls | [pcap] | frame | codec | app     the bytes inside TLS
 * ```
 *
 * - **Place** Where messages are bytes. Other messages are not written.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** Raises none. If the file cannot be written, the handler emits one process warning.
 * - **State** One channel: two sequence numbers. The `PcapWriter` is shared and limited, and you close it.
 * - **Cost** A copy of each byte, and synchronous file writes. Use it for debugging.
 * - **Pitfalls** The packets have the size of the reads and writes, not the size on the wire. The times are those of the event
 *   loop. A capture contains passwords.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { PcapHandler, PcapWriter } from '@headrace/handlers';
 *
 * let size = 0;
 * const writer = new PcapWriter({ to: (bytes) => { size += bytes.length; } });
 * const channel = new EmbeddedChannel(new PcapHandler({ writer }));
 * channel.writeInbound(Buffer.from('hello'));
 * writer.close();
 * console.log(size); // the file's header, three packets of the handshake, one with five bytes
 * // prints 253
 * ```
 * @see Netty's `PcapWriteHandler`
 */
export class PcapHandler implements Handler {
  declare readonly types: Types;
  private readonly writer: PcapWriter;
  private local: Side | undefined = undefined;
  private remote!: Side;
  private hasFailed = false;
  /** The time of day at the zero of the clock. */
  private epochMs = 0;

  constructor(options: PcapOptions) {
    this.writer = OPTIONS.resolve(options).writer;
  }

  handlerAdded(ctx: Context): void {
    this.epochMs = ctx.clock.timeOfDay() - ctx.clock.now();
    if (ctx.isActive) this.attempt(() => this.begin(ctx));
  }

  channelActive(ctx: Context): void {
    this.attempt(() => this.begin(ctx));
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, message: unknown): void {
    this.attempt(() => this.data(ctx, false, message));
    ctx.fireChannelRead(message);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.attempt(() => this.data(ctx, true, message));
    return ctx.write(message);
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture {
    if (direction === 'output') this.attempt(() => this.end(ctx, true));
    return ctx.shutdown(direction);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.attempt(() => this.end(ctx, false));
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.attempt(() => this.closed(ctx));
    ctx.fireChannelInactive();
  }

  private begin(ctx: Context): void {
    if (this.local !== undefined) return;
    const { id, parent, localAddress, remoteAddress } = ctx.channel;
    const madeUpPort = 1024 + (Number.parseInt(id, 16) % 60_000);
    const ends = endsOf(localAddress, remoteAddress, madeUpPort);
    this.local = { end: ends.local, seq: 0, hasEnded: false };
    this.remote = { end: ends.remote, seq: 0, hasEnded: false };
    const isAccepted = parent !== undefined;
    this.segment(ctx, !isAccepted, SYN, NOTHING);
    this.segment(ctx, isAccepted, SYN | ACK, NOTHING);
    this.segment(ctx, !isAccepted, ACK, NOTHING);
  }

  private data(ctx: Context, isOurs: boolean, message: unknown): void {
    if (!isOutboundBytes(message)) return;
    this.begin(ctx);
    const bytes = toBuffer(message);
    for (let at = 0; at < bytes.length; at += MAX_PAYLOAD_BYTES) {
      this.segment(ctx, isOurs, PSH | ACK, bytes.subarray(at, at + MAX_PAYLOAD_BYTES));
    }
  }

  private end(ctx: Context, isOurs: boolean): void {
    if (this.local === undefined) return;
    const side = isOurs ? this.local : this.remote;
    if (side.hasEnded) return;
    side.hasEnded = true;
    this.segment(ctx, isOurs, FIN | ACK, NOTHING);
    this.segment(ctx, !isOurs, ACK, NOTHING);
  }

  private closed(ctx: Context): void {
    const info = ctx.channel.closeInfo;
    if (info?.reason === 'reset') this.segment(ctx, info.by !== 'peer', RST | ACK, NOTHING);
    else {
      const peerFirst = info?.by === 'peer';
      this.end(ctx, !peerFirst);
      this.end(ctx, peerFirst);
    }
  }

  private segment(ctx: Context, isOurs: boolean, flags: number, payload: Buffer): void {
    const { local, remote } = this;
    if (local === undefined) return;
    const [from, to] = isOurs ? [local, remote] : [remote, local];
    const ack = (flags & ACK) === 0 ? 0 : to.seq;
    const route = { from: from.end, to: to.end };
    const packet = tcpPacket(route, { seq: from.seq, ack, flags }, payload);
    this.writer.packet(this.epochMs + ctx.clock.now(), packet);
    const counted = (flags & (SYN | FIN)) === 0 ? 0 : 1;
    from.seq = (from.seq + payload.length + counted) >>> 0;
  }

  /** Runs a step of the capture. A failure does not stop the traffic. */
  private attempt(act: () => void): void {
    if (this.hasFailed) return;
    try {
      act();
    } catch (thrown) {
      this.hasFailed = true;
      process.emitWarning(toError(thrown));
    }
  }
}
