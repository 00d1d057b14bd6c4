import type {
  Address,
  Channel,
  CloseInfo,
  CloseReason,
  Context,
  Transport,
  TransportSink,
  WriteFuture,
} from '@headrace/core';
import { channelOf, Fifo, MessageInput, transportOf } from '@headrace/core/authoring';
import { DISCONNECT, EncodedPacket, encodePacket } from '../packet/socket-packet.ts';
import { type DisconnectReason, SOCKET_IO_DISCONNECT } from './disconnect-reason.ts';
import type { SocketIoEvent } from './socket-io-event.ts';

/** The connection that carries a namespace. */
export interface NamespaceOwner {
  readonly ctx: Context;
  /** Whether a packet that is written now leaves at once. */
  readonly isFree: boolean;
  /** Called when a transport keeps more events that its channel has not read, or fewer. @param length - as for `received` */
  kept(count: number, length: number): void;
  /**
   * Called when the client or this end has left the namespace.
   *
   * @param comesAgain - reason of an end after which the client connects again by itself, so its whole connection must end
   */
  left(transport: NamespaceTransport, comesAgain: CloseReason | undefined): void;
}

/** A namespace of a connection as the transport of a channel, whose messages are events. */
export class NamespaceTransport implements Transport {
  readonly accepts = 'SocketIoEvents';
  /** Name of the namespace. */
  readonly name: string;
  private readonly owner: NamespaceOwner;
  private readonly input: MessageInput<SocketIoEvent>;
  /** Lengths of the events that wait until the channel reads. */
  private readonly lengths = new Fifo<number>();
  private hasLeft = false;
  private sending = 0;

  constructor(name: string, owner: NamespaceOwner) {
    this.name = name;
    this.owner = owner;
    this.input = new MessageInput(owner.ctx.clock, () => {
      const length = this.lengths.shift();
      if (length !== undefined) owner.kept(-1, -length);
    });
  }

  get isActive(): boolean {
    return !this.hasLeft && this.owner.ctx.channel.isOpen;
  }

  get localAddress(): Address | undefined {
    return this.owner.ctx.channel.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.owner.ctx.channel.remoteAddress;
  }

  get unsentBytes(): number {
    // Only changes count. The progress of a long packet is that of the connection.
    return this.sending - this.owner.ctx.channel.outboundProgress;
  }

  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.owner.ctx.channel)?.unacknowledgedBytes;
  }

  /** Whether a packet that is written now leaves at once. */
  get isFree(): boolean {
    return this.sending === 0 && this.owner.isFree;
  }

  open(sink: TransportSink): void {
    this.input.sink = sink;
  }

  // --- input ---

  requestRead(): void {
    this.input.requestRead();
  }

  pauseReading(): void {
    this.input.pauseReading();
  }

  /** @param length - length of the event's packet, which counts while the channel does not read */
  received(event: SocketIoEvent, length: number): void {
    const { input } = this;
    if (!input.isOver && (!input.isTaking || input.hasKept)) {
      this.lengths.push(length);
      this.owner.kept(1, length);
    }
    input.arrived(event);
  }

  burstEnded(): void {
    this.input.endBurst();
  }

  // --- output ---

  sizeOf(message: unknown): number {
    return message instanceof EncodedPacket ? message.byteLength : -1;
  }

  write(messages: readonly unknown[], bytes: number): boolean {
    const { ctx } = this.owner;
    let last: WriteFuture | undefined;
    for (let i = 0; i < messages.length; i++) last = writePacket(ctx, messages[i] as EncodedPacket);
    ctx.flush();
    if (last!.isSuccess) return true;
    this.sending = bytes + 1;
    last!.onSettled((error) => {
      this.sending = 0;
      // The end of the connection ends the namespace.
      if (error === undefined && !this.input.isOver) this.input.sink?.written();
    });
    return false;
  }

  // --- the end ---

  shutdownOutput(info: CloseInfo): void {
    this.end(info);
    this.owner.ctx.clock.execute(() => this.input.sink?.outputEnded());
    this.disconnected(info);
  }

  close(info: CloseInfo): void {
    this.stop();
    this.end(info);
    this.disconnected(info);
  }

  abort(info: CloseInfo): void {
    this.close(info);
  }

  /** Ends the namespace. A client that is told of the end stays away until its application connects again. */
  private end({ reason }: CloseInfo): void {
    if (this.hasLeft) return;
    const comesAgain = COMES_AGAIN.has(reason) ? reason : undefined;
    const { ctx } = this.owner;
    if (comesAgain === undefined && ctx.channel.isOpen) {
      writePacket(ctx, encodePacket({ type: DISCONNECT, namespace: this.name })).onSettled(
        () => {},
      );
      ctx.flush();
    }
    const isShutdown = reason === 'shutdown';
    this.leave(isShutdown ? 'server shutting down' : 'server namespace disconnect', comesAgain);
  }

  /** Called when the client has left the namespace. */
  peerLeft(): void {
    this.leave('client namespace disconnect');
    this.disconnected({ reason: 'peer', by: 'peer', error: undefined });
  }

  /** Called when the connection has ended. */
  connectionEnded(reason: DisconnectReason, info: CloseInfo): void {
    if (this.hasLeft) return;
    this.leave(reason);
    this.disconnected(info);
  }

  private leave(reason: DisconnectReason, comesAgain?: CloseReason): void {
    if (this.hasLeft) return;
    this.hasLeft = true;
    const { sink } = this.input;
    const channel = sink && channelOf(sink)?.channel;
    channel?.attributes.set(SOCKET_IO_DISCONNECT, reason);
    this.owner.left(this, comesAgain);
  }

  /** Reports the end, after the events that arrived before it. */
  private disconnected(info: CloseInfo): void {
    const { input } = this;
    this.owner.ctx.clock.execute(() => {
      input.finish(() => {
        const { sink } = input;
        this.stop();
        sink?.disconnected(info);
      });
    });
  }

  private stop(): void {
    this.input.stop();
    for (let length = this.lengths.shift(); length !== undefined; length = this.lengths.shift()) {
      this.owner.kept(-1, -length);
    }
  }
}

/** Reasons for which clients connect again by themselves. */
const COMES_AGAIN: ReadonlySet<CloseReason> = new Set<CloseReason>(['shutdown', 'slow-consumer']);

const CONNECTION_LOST: ReadonlySet<DisconnectReason | undefined> = new Set<DisconnectReason>([
  'transport close',
  'transport error',
  'ping timeout',
  'forced server close',
  'server shutting down',
]);

/** Whether the client of a channel that has closed was told no end, so that it connects again by itself. */
export function comesAgain({ attributes, closeInfo }: Channel): boolean {
  const isLost = CONNECTION_LOST.has(attributes.get(SOCKET_IO_DISCONNECT));
  return isLost || (closeInfo !== undefined && COMES_AGAIN.has(closeInfo.reason));
}

/** Writes the messages of a packet. The flush follows. */
export function writePacket(ctx: Context, { text, attachments }: EncodedPacket): WriteFuture {
  let last = ctx.write(text);
  for (let i = 0; i < attachments.length; i++) last = ctx.write(attachments[i]!);
  return last;
}
