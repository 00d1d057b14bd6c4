import {
  type Channel,
  ChannelError,
  type Context,
  DecodeError,
  type Handler,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { isPromiseLike, toError } from '@headrace/core/authoring';
import type { WritePacket } from '@nestjs/microservices';
import { controlOf } from '../wire/control-message.ts';
import type { OutgoingPacket } from './outgoing-packet.ts';
import { packetLost, signInRefused } from './packet-error.ts';

/** What a connection reports to. */
export interface ConnectionOwner {
  deserialize(message: unknown): unknown;
  /** One answer to a request of this connection. */
  answered(packet: OutgoingPacket, answer: WritePacket): void;
  /** It takes packets again, or fewer are under way. */
  hasRoom(): void;
  /** The server said no to the credentials; the end of the connection follows. */
  refused(error: Error): void;
  /** It has closed, with packets under way. */
  lost(packets: readonly OutgoingPacket[], error: Error): void;
}

/** A packet of a server after the deserializer. */
interface Answer extends WritePacket {
  readonly id?: unknown;
}

/**
 * The packets of one connection of a client: writes requests and events, and gives each answer to its request.
 *
 * - **Place** last.
 * - **In** values of the codec.
 * - **Out** nothing; it writes packets.
 * - **Events** forwards all.
 * - **Errors** an answer that the deserializer refuses: `MESSAGE_INVALID`, then the channel ends as `bad-input`. An
 *   answer to what nobody asks any more is dropped.
 * - **State** one channel: the requests under way.
 */
export class PacketClientHandler implements Handler {
  declare readonly types: Types<{ reads: unknown; passesOn: never; writes: unknown }>;
  private readonly owner: ConnectionOwner;
  private readonly hasControl: boolean;
  private readonly requests = new Map<string, OutgoingPacket>();
  private readonly events = new Set<OutgoingPacket>();
  private ctx: Context | undefined = undefined;
  private watched: WriteFuture | undefined = undefined;
  /** Answers that the deserializer has not made yet: later ones wait for them. */
  private pending: Promise<void> | undefined = undefined;
  /** The server drains. */
  private isLeaving = false;
  private signingIn: { resolve(): void; reject(error: Error): void } | undefined = undefined;

  constructor(owner: ConnectionOwner, hasControl: boolean) {
    this.owner = owner;
    this.hasControl = hasControl;
  }

  /** Requests without their last answer. */
  get inFlight(): number {
    return this.requests.size;
  }

  /** Takes another packet. */
  get takesMore(): boolean {
    const channel = this.ctx?.channel;
    return channel !== undefined && isUsable(channel) && channel.isWritable && !this.isLeaving;
  }

  /** Shows the server who we are; rejects with `REJECTED_AUTH` if it says no. */
  signIn(credentials: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const { ctx } = this;
      if (ctx === undefined || !isUsable(ctx.channel)) {
        reject(packetLost('the connection has closed', false));
        return;
      }
      this.signingIn = { resolve, reject };
      ctx
        .writeAndFlush({ headrace: 'credentials', data: credentials })
        .onSettled((error) => error !== undefined && reject(error));
    });
  }

  // --- life ---

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
  }

  channelWritabilityChanged(ctx: Context): void {
    if (ctx.channel.isWritable) this.owner.hasRoom();
    ctx.fireChannelWritabilityChanged();
  }

  channelInactive(ctx: Context): void {
    const { closeInfo } = ctx.channel;
    const error =
      closeInfo?.error ??
      new ChannelError('CHANNEL_CLOSED', `the connection closed (${closeInfo?.reason})`);
    this.signingIn?.reject(error);
    const left = [...this.requests.values(), ...this.events];
    this.requests.clear();
    this.events.clear();
    this.owner.lost(left, error);
    ctx.fireChannelInactive();
  }

  // --- output ---

  /** Writes a packet; call it only if {@link takesMore}. */
  send(packet: OutgoingPacket): void {
    const { id } = packet;
    packet.connection = this;
    if (id === undefined) this.events.add(packet);
    else this.requests.set(id, packet);
    const future = this.ctx!.writeAndFlush(packet.message);
    packet.write = future;
    if (id === undefined) future.onSettled((error) => this.eventSettled(packet, error));
    else if (!future.isSettled) this.watch(future);
    else if (!future.isSuccess) this.requestFailed(packet, future.error!);
  }

  /** Nobody waits for the answers any more. */
  drop(packet: OutgoingPacket): void {
    const { id } = packet;
    if (id === undefined || !this.requests.delete(id)) return;
    const { ctx } = this;
    if (this.hasControl && packet.mayHaveLeft && ctx !== undefined && isUsable(ctx.channel)) {
      // Its failure means nothing: then the server notices that the connection is gone.
      ctx.writeAndFlush({ headrace: 'cancel', id }).onSettled(() => {});
    }
    this.afterRequest();
  }

  private eventSettled(packet: OutgoingPacket, error: Error | undefined): void {
    if (!this.events.has(packet)) return;
    // A channel that closes loses it with all others.
    if (error instanceof ChannelError && !this.ctx!.channel.isOpen) return;
    this.events.delete(packet);
    if (error === undefined) {
      if (packet.end()) packet.outcome.written();
    } else packet.fail(this.writeError(packet, error));
    this.leaveIfDone();
  }

  /** All writes of one flush have the same future. */
  private watch(future: WriteFuture): void {
    if (future === this.watched) return;
    this.watched = future;
    future.onSettled((error) => {
      if (this.watched === future) this.watched = undefined;
      if (error === undefined || !this.ctx!.channel.isOpen) return;
      for (const packet of [...this.requests.values()]) {
        if (packet.write === future) this.requestFailed(packet, error);
      }
    });
  }

  private requestFailed(packet: OutgoingPacket, error: Error): void {
    this.requests.delete(packet.id!);
    packet.fail(this.writeError(packet, error));
    this.afterRequest();
  }

  /** What cannot be encoded is a mistake of the caller; anything else a lost connection. */
  private writeError(packet: OutgoingPacket, error: Error): Error {
    if (!(error instanceof ChannelError)) return error;
    return packetLost('the packet could not be written', packet.mayHaveLeft, error);
  }

  // --- input ---

  channelRead(ctx: Context, message: unknown): void {
    const control = this.hasControl ? controlOf(message) : undefined;
    if (control === undefined) this.take(ctx, message);
    else if (control.headrace === 'welcome') this.signingIn?.resolve();
    else if (control.headrace === 'refused') this.signInFailed();
    else if (control.headrace === 'leaving') {
      this.isLeaving = true;
      this.leaveIfDone();
    }
  }

  private signInFailed(): void {
    if (this.signingIn === undefined) return;
    const error = signInRefused();
    this.signingIn.reject(error);
    this.owner.refused(error);
  }

  private take(ctx: Context, message: unknown): void {
    try {
      const answer = this.owner.deserialize(message);
      if (this.pending === undefined && !isPromiseLike(answer)) this.route(answer);
      else this.routeLater(ctx, answer);
    } catch (thrown) {
      this.refuse(ctx, thrown);
    }
  }

  /** In the order in which the answers came. */
  private routeLater(ctx: Context, answer: unknown): void {
    const before = this.pending ?? Promise.resolve();
    const turn: Promise<void> = Promise.all([before, answer]).then(
      ([, value]) => this.route(value),
      (thrown) => this.refuse(ctx, thrown),
    );
    this.pending = turn;
    void turn.then(() => {
      if (this.pending === turn) this.pending = undefined;
    });
  }

  private route(value: unknown): void {
    const answer = (value ?? {}) as Answer;
    const packet = this.requests.get(answer.id as string);
    if (packet === undefined) return;
    const isLast = answer.isDisposed === true || isError(answer.err);
    if (isLast) this.requests.delete(packet.id!);
    const { err, response } = answer;
    this.owner.answered(packet, isLast ? { err, response, isDisposed: true } : { err, response });
    if (isLast) this.afterRequest();
  }

  private refuse(ctx: Context, thrown: unknown): void {
    const { channel } = ctx;
    if (!isUsable(channel)) return;
    const cause = toError(thrown);
    ctx.fireExceptionCaught(
      new DecodeError('MESSAGE_INVALID', 'an answer could not be read', {}, cause),
    );
    channel.end({ reason: 'bad-input' });
  }

  private afterRequest(): void {
    this.owner.hasRoom();
    this.leaveIfDone();
  }

  /** The server waits for this: with nothing under way, the next connection is better than this one. */
  private leaveIfDone(): void {
    const { ctx } = this;
    if (!this.isLeaving || this.requests.size > 0 || this.events.size > 0) return;
    if (ctx?.channel.isOpen === true) ctx.channel.end({ reason: 'moved' });
  }
}

/** As Nest: whatever is truthy. */
function isError(err: unknown): boolean {
  return Boolean(err);
}

function isUsable(channel: Channel): boolean {
  return channel.isActive && !channel.isEnding;
}
