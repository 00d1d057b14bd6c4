import type { Context, Direction, Handler, Types } from '@headrace/core';
import { Fifo } from './fifo.ts';

/** Stands in the queue for the peer's end of input, which must not overtake what it sent before. */
const INPUT_ENDED = Symbol('input ended');

/**
 * Passes on one message for each `read()` while `autoRead` is off, and keeps the others of the same burst
 * until they are asked for. With `autoRead` on everything passes straight through.
 *
 * ```text
 *  wire | frame | codec | [flow] | app     app turns autoRead off: not one message more
 * ```
 *
 * - **Place** behind the decoders, whose one read may give many messages.
 * - **In** anything.
 * - **Out** the same messages in the same order, and one `channelReadComplete` each time the queue has
 *   become empty.
 * - **Events** a half-closure waits behind the messages; an error and the close deliver what is queued
 *   first. Other events pass at once.
 * - **Errors** raises none.
 * - **State** one channel: the messages of one burst at most, since no more is read while they wait.
 * - **Cost** a comparison per message while `autoRead` is on.
 * - **Pitfalls** handlers before it see all messages of a burst, whatever is asked for.
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
  /** A `read()` found nothing: the next message goes through. */
  private isHungry = false;
  private isDraining = false;
  /** Between the first message of a burst and its `channelReadComplete`. */
  private isInBurst = false;

  handlerRemoved(ctx: Context): void {
    if (ctx.channel.isOpen) this.deliverAll(ctx);
  }

  read(ctx: Context): void {
    const had = this.queue.size;
    if (had > 0) this.drain(ctx, 1);
    if (had === 0) this.isHungry = !ctx.channel.autoRead;
    // Auto-read goes on asking whatever the queue gave; a single request has been served by it.
    if (had === 0 || (ctx.channel.autoRead && this.queue.isEmpty)) ctx.read();
  }

  channelRead(ctx: Context, message: unknown): void {
    this.isInBurst = true;
    if (this.queue.isEmpty && !this.isDraining && (ctx.channel.autoRead || this.isHungry)) {
      this.isHungry = false;
      ctx.fireChannelRead(message);
      return;
    }
    this.queue.push(message);
    if (this.isDraining) return;
    const wanted = this.isHungry ? 1 : 0;
    this.isHungry = false;
    this.drain(ctx, wanted);
  }

  channelReadComplete(ctx: Context): void {
    this.isInBurst = false;
    if (this.queue.isEmpty) ctx.fireChannelReadComplete();
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input' && !this.queue.isEmpty) this.queue.push(INPUT_ENDED);
    else ctx.fireChannelShutdown(direction);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.deliverAll(ctx);
    ctx.fireExceptionCaught(error);
  }

  channelInactive(ctx: Context): void {
    this.deliverAll(ctx);
    ctx.fireChannelInactive();
  }

  /** Gives `wanted` messages, and goes on while `autoRead` is on; looked at again before each message. */
  private drain(ctx: Context, wanted: number): void {
    if (this.isDraining) {
      // A read() from within channelRead: the loop below us serves it.
      if (wanted > 0) this.isHungry = true;
      return;
    }
    this.isDraining = true;
    let left = wanted;
    let count = 0;
    try {
      while (!this.queue.isEmpty && (left > 0 || this.isHungry || ctx.channel.autoRead)) {
        if (left > 0) left -= 1;
        else this.isHungry = false;
        this.deliver(ctx, this.queue.shift());
        // Nobody asks for an end.
        if (this.queue.peek() === INPUT_ENDED) this.deliver(ctx, this.queue.shift());
        count += 1;
      }
    } finally {
      this.isDraining = false;
    }
    if (count > 0 && this.queue.isEmpty && !this.isInBurst) ctx.fireChannelReadComplete();
  }

  private deliver(ctx: Context, message: unknown): void {
    if (message === INPUT_ENDED) ctx.fireChannelShutdown('input');
    else ctx.fireChannelRead(message);
  }

  /** Order before demand: what was read comes before the end that followed it. */
  private deliverAll(ctx: Context): void {
    if (this.queue.isEmpty) return;
    while (!this.queue.isEmpty) this.deliver(ctx, this.queue.shift());
    if (!this.isInBurst) ctx.fireChannelReadComplete();
  }
}
