import {
  type Context,
  type Direction,
  type Handler,
  TlsUpgradeEvent,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { refuseSharing } from './decoder-failure.ts';
import { checkPolicy, type FrameErrorPolicy } from './frame-error-policy.ts';
import {
  checkIsOptions,
  MessageDecoding,
  type MessageToMessageDecoderOptions,
} from './message-to-message-decoder.ts';
import { MessageEncoding } from './message-to-message-encoder.ts';
import type { Several } from './several.ts';

/**
 * Turns messages into messages of another type, both ways: {@link MessageToMessageDecoder} and
 * {@link MessageToMessageEncoder} in one handler.
 *
 * ```text
 *  wire | frame | [codec] | app      W on the left, M on the right
 * ```
 *
 * **Place** between the two that it translates between.
 * **In** inbound messages for which `accepts` returns true, outbound those for which `encodes` does; anything
 * else passes by.
 * **Out** what `decode` and `encode` return.
 * **Events** all pass.
 * **Errors** as the two classes.
 * **State** whether decoding has failed: one codec for each channel.
 * **Cost** one call.
 * **Pitfalls** messages that arrive after a fatal error are dropped.
 *
 * @typeParam W - what the wire's side has
 * @typeParam M - what the application's side has
 * @typeParam WOut - what is written to the wire, if that differs from what is read
 * @typeParam MIn - what the application writes, if that differs from what it reads
 * @see Netty's `MessageToMessageCodec`
 */
export abstract class MessageToMessageCodec<W, M, WOut = W, MIn = M> implements Handler {
  declare readonly types: Types<{ reads: W; passesOn: M; accepts: MIn; writes: WOut }>;
  declare readonly sharable?: false;
  protected readonly frameErrorPolicy: FrameErrorPolicy;
  /** Both halves are made when they are first used: many codecs are used in one direction only. */
  private inbound: MessageDecoding<W, M> | undefined = undefined;
  private readonly broadcastKey: string | undefined;
  private outbound: MessageEncoding<MIn, WOut> | undefined = undefined;

  /**
   * @param broadcastKey - set it where the result of `encode` depends only on the message and on this key:
   *   then a group's broadcast encodes once for all members
   */
  constructor(options: MessageToMessageDecoderOptions = {}, broadcastKey?: string) {
    checkIsOptions(this, options);
    this.frameErrorPolicy = checkPolicy(options.frameErrorPolicy ?? 'close');
    this.broadcastKey = broadcastKey;
    refuseSharing(this);
  }

  /** Which inbound messages `decode` takes. @default every message */
  accepts(_message: unknown): boolean {
    return true;
  }

  /** Which outbound messages `encode` takes. @default every message */
  encodes(_message: unknown): boolean {
    return true;
  }

  abstract decode(ctx: Context, message: W): M | Several<M> | undefined;

  abstract encode(message: MIn): WOut | Several<WOut>;

  handlerAdded(_ctx: Context): void {
    refuseSharing(this);
  }

  channelRead(ctx: Context, message: unknown): void {
    this.inbound ??= new MessageDecoding(this, { frameErrorPolicy: this.frameErrorPolicy });
    this.inbound.read(ctx, message);
  }

  channelReadComplete(ctx: Context): void {
    if (this.inbound === undefined) ctx.fireChannelReadComplete();
    else this.inbound.readComplete(ctx);
  }

  handlerRemoved(ctx: Context): void {
    this.inbound?.removed(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) event.holding(this.inbound?.heldBytes ?? 0);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.inbound?.finish(ctx);
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.inbound?.finish(ctx);
    ctx.fireChannelInactive();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.inbound?.finish(ctx);
    ctx.fireExceptionCaught(error);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.outbound ??= new MessageEncoding(this, this.broadcastKey);
    return this.outbound.write(ctx, message);
  }
}
