import {
  type Channel,
  type Context,
  type Direction,
  type Handler,
  TlsUpgradeEvent,
  type Types,
} from '@headrace/core';
import { dropsKeptMessages, Fifo, MESSAGES_PER_LOOK } from '@headrace/core/authoring';

/** Stands in the queue for the peer's end of input, which must not overtake what it sent before. */
const INPUT_ENDED = Symbol('input ended');

/**
 * Passes on one message for each `read()` while `autoRead` is off, and keeps the others of the same burst
 * until they are asked for. With `autoRead` on everything passes straight through. While reads are held
 * nothing passes.
 *
 * ```text
 *  wire | frame | codec | [flow] | app     app turns autoRead off: not one message more
 * ```
 *
 * - **Place** after the decoders: one read may give many messages.
 * - **In** anything.
 * - **Out** the same messages in the same order, and one `channelReadComplete` each time the queue has
 *   become empty.
 * - **Events** a half-closure waits after the messages; an error and the close deliver what is queued
 *   first. Other events pass at once.
 * - **Errors** raises none.
 * - **State** one channel: the messages of one burst at most, since no more is read while they wait.
 * - **Cost** a comparison per message while `autoRead` is on.
 * - **Pitfalls** handlers before it see all messages of a burst at once.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { FlowControlHandler } from '@headrace/handlers';
 *
 * const channel = EmbeddedChannel.with({ autoRead: false }, new FlowControlHandler());
 * channel.writeInbound('a', 'b');
 * console.log(channel.readInbound());
 * // prints undefined
 * channel.read();
 * console.log(channel.readInbound(), channel.readInbound());
 * // prints a undefined
 * ```
 * @see Netty's `FlowControlHandler`
 */
export class FlowControlHandler implements Handler {
  declare readonly types: Types;
  private readonly queue = new Fifo<unknown>();
  /** How many `read()` have not got their message yet; none counts while `autoRead` is on. */
  private wanted = 0;
  private isDraining = false;
  /** A `read()` came while the queue is being given out. */
  private wasAsked = false;
  private isWaiting = false;
  /** Between the first message of a burst and its `channelReadComplete`. */
  private isInBurst = false;
  /** A message was passed on since the last `channelReadComplete`. */
  private hasPassed = false;

  handlerRemoved(ctx: Context): void {
    if (ctx.channel.isOpen) this.deliverAll(ctx);
  }

  read(ctx: Context): void {
    if (ctx.channel.autoRead) this.wanted = 0;
    else this.wanted += 1;
    // From within channelRead: the loop that called it serves it.
    if (this.isDraining) this.wasAsked = true;
    else {
      this.drain(ctx);
      this.ask(ctx);
    }
  }

  channelRead(ctx: Context, message: unknown): void {
    this.isInBurst = true;
    if (this.queue.isEmpty && !this.isDraining && this.isWanted(ctx.channel)) {
      this.served(ctx.channel);
      this.hasPassed = true;
      ctx.fireChannelRead(message);
      return;
    }
    this.queue.push(message);
    if (this.isDraining) return;
    this.wasAsked = false;
    this.drain(ctx);
    if (this.wasAsked) this.ask(ctx);
  }

  channelReadComplete(ctx: Context): void {
    this.isInBurst = false;
    if (this.queue.isEmpty || this.isStopped(ctx)) this.complete(ctx);
  }

  /** A hold came behind messages that have passed: whoever took it may wait for what is flushed at their end. */
  private isStopped(ctx: Context): boolean {
    return this.hasPassed && ctx.channel.isReadHeld;
  }

  private complete(ctx: Context): void {
    this.hasPassed = false;
    ctx.fireChannelReadComplete();
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input' && dropsKeptMessages(ctx.channel)) this.queue.clear();
    if (direction === 'input' && !this.queue.isEmpty) this.queue.push(INPUT_ENDED);
    else ctx.fireChannelShutdown(direction);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof TlsUpgradeEvent) event.holding(this.queue.size);
    ctx.fireUserEventTriggered(event);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.deliverAll(ctx);
    ctx.fireExceptionCaught(error);
  }

  channelInactive(ctx: Context): void {
    this.deliverAll(ctx);
    ctx.fireChannelInactive();
  }

  /** Looked at again before each message. While reads are held nothing flows. */
  private isWanted(channel: Channel): boolean {
    return !channel.isReadHeld && (channel.autoRead || this.wanted > 0);
  }

  private served(channel: Channel): void {
    if (!channel.autoRead) this.wanted -= 1;
  }

  /** With auto-read there is always a next request; a single request is served by one message. */
  private ask(ctx: Context): void {
    if (this.queue.isEmpty && (ctx.channel.autoRead || this.wanted > 0)) ctx.read();
  }

  private drain(ctx: Context): void {
    const { channel } = ctx;
    // The end may have come while reads were held.
    if (dropsKeptMessages(channel)) this.dropMessages(ctx);
    this.isDraining = true;
    let count = 0;
    try {
      while (!this.queue.isEmpty && this.isWanted(channel)) {
        this.served(channel);
        this.deliver(ctx, this.queue.shift());
        // An end is not asked for.
        if (this.queue.peek() === INPUT_ENDED) this.deliver(ctx, this.queue.shift());
        count += 1;
        if (count % MESSAGES_PER_LOOK === 0) channel.checkTurn();
        if (dropsKeptMessages(channel)) this.dropMessages(ctx);
      }
    } finally {
      this.isDraining = false;
    }
    if (!this.queue.isEmpty) this.waitForRelease(ctx);
    if (count === 0) return;
    this.hasPassed = true;
    if (!this.isInBurst && (this.queue.isEmpty || this.isStopped(ctx))) this.complete(ctx);
  }

  private waitForRelease(ctx: Context): void {
    if (this.isWaiting || !ctx.channel.isReadHeld) return;
    this.isWaiting = true;
    ctx.channel.onceReadable(() => {
      this.isWaiting = false;
      if (ctx.isRemoved || this.isDraining) return;
      this.drain(ctx);
      // With auto-read on, the channel asks after this.
      if (!ctx.channel.autoRead) this.ask(ctx);
    });
  }

  private deliver(ctx: Context, message: unknown): void {
    if (message === INPUT_ENDED) ctx.fireChannelShutdown('input');
    else ctx.fireChannelRead(message);
  }

  /** We ended the channel: nobody takes messages any more, but the peer's end still passes. */
  private dropMessages(ctx: Context): void {
    let hasEnded = false;
    while (!this.queue.isEmpty) if (this.queue.shift() === INPUT_ENDED) hasEnded = true;
    if (hasEnded) ctx.fireChannelShutdown('input');
  }

  /** Order before demand: what was read comes before the end that followed it. */
  private deliverAll(ctx: Context): void {
    if (dropsKeptMessages(ctx.channel)) this.dropMessages(ctx);
    if (this.queue.isEmpty) return;
    while (!this.queue.isEmpty) this.deliver(ctx, this.queue.shift());
    if (!this.isInBurst) ctx.fireChannelReadComplete();
  }
}
