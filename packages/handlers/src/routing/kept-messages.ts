import { type Context, type Direction, type Handler, TlsUpgradeEvent } from '@headrace/core';
import { dropsKeptMessages, MESSAGES_PER_LOOK } from '@headrace/core/authoring';

/**
 * Messages that a handler had kept when it went, and that wait because reads are held. It stands in that handler's
 * place, passes them on when reads are released, with what arrives meanwhile after them, and then removes itself.
 */
export class KeptMessages implements Handler {
  private readonly messages: unknown[];

  /** @param messages - the oldest first; it is emptied */
  constructor(messages: unknown[]) {
    this.messages = messages;
  }

  handlerAdded(ctx: Context): void {
    this.wait(ctx);
  }

  handlerRemoved(ctx: Context): void {
    this.passOnAll(ctx);
  }

  channelRead(_ctx: Context, message: unknown): void {
    this.messages.push(message);
  }

  /** There is one when all have gone. */
  channelReadComplete(): void {}

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) event.holding(this.messages.length);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.passOnAll(ctx);
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.passOnAll(ctx);
    ctx.fireChannelInactive();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.passOnAll(ctx);
    ctx.fireExceptionCaught(error);
  }

  private wait(ctx: Context): void {
    ctx.channel.onceReadable(() => this.released(ctx));
  }

  private released(ctx: Context): void {
    if (ctx.isRemoved) return;
    if (passOnKept(ctx, this.messages)) ctx.pipeline.remove(this);
    else this.wait(ctx);
  }

  /** What was read comes before the end, or the error, that followed it. */
  private passOnAll(ctx: Context): void {
    const messages = this.messages.splice(0);
    if (dropsKeptMessages(ctx.channel)) return;
    for (const message of messages) ctx.fireChannelRead(message);
    ctx.fireChannelReadComplete();
  }
}

/**
 * Passes messages on, the oldest first, until reads are held; once this side has ended the channel the rest is
 * dropped. True if none is left.
 */
export function passOnKept(ctx: Context, messages: unknown[]): boolean {
  const { channel } = ctx;
  // The end may have come while reads were held.
  if (dropsKeptMessages(channel)) messages.length = 0;
  for (let count = 1; messages.length > 0; count++) {
    ctx.fireChannelRead(messages.shift());
    if (dropsKeptMessages(channel)) messages.length = 0;
    if (count % MESSAGES_PER_LOOK === 0) channel.checkTurn();
    if (messages.length > 0 && channel.isReadHeld) return false;
  }
  return true;
}
