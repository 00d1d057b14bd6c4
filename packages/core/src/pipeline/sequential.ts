import type {
  CloseReason,
  Context,
  Direction,
  Handled,
  Handler,
  WriteFuture,
} from '../contract.ts';
import { DrainEvent, type DrainHold } from '../drain-event.ts';
import { PipelineError, toError } from '../errors.ts';
import type { TypesOf } from '../handler-chain.ts';
import { Fifo } from '../internal/fifo.ts';
import { isPromiseLike } from '../internal/promise-like.ts';
import { dropsKeptMessages, ReadGate } from '../internal/read-gate.ts';
import { isTurnCheckDue } from '../internal/turn-check.ts';
import { TlsUpgradeEvent } from '../tls-upgrade-event.ts';
import { notHandlerText } from './handler-names.ts';

type Event = () => Handled;

/**
 * Wraps a handler so that its asynchronous methods run one after the other: while a promise that it returned
 * is pending, further inbound events wait in order, and reads are held: decoders before it stop after the
 * message that it works on, and the socket is not read. Outbound operations are not held.
 *
 * ```text
 * socket | frame | codec | [sequential(handler)] | …
 * ```
 *
 * **Place** where the handler would stand. **In/Out** what the handler reads and writes. **Events** all inbound
 * events wait, the end of the channel too, so nothing overtakes a message. **Errors** a rejection reaches the
 * handler's `exceptionCaught`, as a throw does. **State** per channel. **Cost** one closure per waiting event.
 * **Pitfalls** without a decoder that stops, what one read brought waits as a whole. Once this side has ended the
 * channel, messages that wait are dropped.
 *
 * @example
 * ```ts
 * channel.pipeline.addLast(new LineFrameDecoder({ maxLength: 80 }), sequential(new OrdersHandler(database)));
 * ```
 */
export function sequential<H extends Handler>(
  handler: H,
): Handler & { readonly types?: TypesOf<H> } {
  return new SequentialHandler(handler) as Handler & { readonly types?: TypesOf<H> };
}

class SequentialHandler implements Handler {
  private readonly inner: Handler;
  private readonly waiting = new Fifo<Event>();
  /** How many of those that wait are messages. */
  private messages = 0;
  private isBusy = false;
  private readonly gate = new ReadGate('sequential');
  /** Messages wait because others hold reads. */
  private waitsForOthers = false;
  private drainHold: DrainHold | undefined = undefined;
  /** The channel has closed, or an error follows: what waits is delivered before that, even while reads are held. */
  private hasEnded = false;

  constructor(inner: Handler) {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) {
      throw new PipelineError('PIPELINE_STATE', notHandlerText(inner, 'sequential'));
    }
    this.inner = inner;
  }

  /** The promise of an asynchronous one is watched by the pipeline. */
  handlerAdded(ctx: Context): unknown {
    return this.inner.handlerAdded?.(ctx);
  }

  handlerRemoved(ctx: Context): void {
    const { inner } = this;
    this.gate.release();
    this.endWaiting(ctx);
    this.run(ctx, () => inner.handlerRemoved?.(ctx));
  }

  channelRegistered(ctx: Context): void {
    const { inner } = this;
    if (inner.channelRegistered === undefined) this.run(ctx, () => ctx.fireChannelRegistered());
    else this.run(ctx, () => inner.channelRegistered!(ctx));
  }

  channelActive(ctx: Context): void {
    const { inner } = this;
    if (inner.channelActive === undefined) this.run(ctx, () => ctx.fireChannelActive());
    else this.run(ctx, () => inner.channelActive!(ctx));
  }

  channelRead(ctx: Context, message: unknown): void {
    const { inner } = this;
    this.messages += 1;
    this.run(ctx, () => {
      this.messages -= 1;
      if (dropsKeptMessages(ctx.channel)) return undefined;
      if (inner.channelRead === undefined) return ctx.fireChannelRead(message);
      return inner.channelRead(ctx, message);
    });
  }

  channelReadComplete(ctx: Context): void {
    const { inner } = this;
    if (inner.channelReadComplete === undefined) this.run(ctx, () => ctx.fireChannelReadComplete());
    else this.run(ctx, () => inner.channelReadComplete!(ctx));
  }

  /** Not held: what writes must be notified at once. */
  channelWritabilityChanged(ctx: Context): Handled {
    if (this.inner.channelWritabilityChanged === undefined) ctx.fireChannelWritabilityChanged();
    else return this.inner.channelWritabilityChanged(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    const { inner } = this;
    // Asks about what waits now.
    if (event instanceof TlsUpgradeEvent) event.holding(this.messages);
    else if (event instanceof DrainEvent && this.messages > 0) {
      this.drainHold ??= event.hold('sequential');
    }
    if (inner.userEventTriggered === undefined) {
      if (event instanceof TlsUpgradeEvent) ctx.fireUserEventTriggered(event);
      else this.run(ctx, () => ctx.fireUserEventTriggered(event));
    } else this.run(ctx, () => inner.userEventTriggered!(ctx, event));
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    const { inner } = this;
    if (inner.channelShutdown === undefined) {
      this.run(ctx, () => ctx.fireChannelShutdown(direction));
    } else this.run(ctx, () => inner.channelShutdown!(ctx, direction));
  }

  channelInactive(ctx: Context): void {
    const { inner } = this;
    this.endWaiting(ctx);
    if (inner.channelInactive === undefined) this.run(ctx, () => ctx.fireChannelInactive());
    else this.run(ctx, () => inner.channelInactive!(ctx));
  }

  channelUnregistered(ctx: Context): void {
    const { inner } = this;
    if (inner.channelUnregistered === undefined) this.run(ctx, () => ctx.fireChannelUnregistered());
    else this.run(ctx, () => inner.channelUnregistered!(ctx));
  }

  exceptionCaught(ctx: Context, error: Error): void {
    const { hasEnded } = this;
    this.endWaiting(ctx);
    this.hasEnded = hasEnded;
    this.run(ctx, () => this.report(ctx, error));
  }

  read(ctx: Context): Handled {
    if (this.inner.read === undefined) ctx.read();
    else return this.inner.read(ctx);
  }

  write(ctx: Context, message: unknown): WriteFuture | PromiseLike<void> {
    return this.inner.write === undefined ? ctx.write(message) : this.inner.write(ctx, message);
  }

  flush(ctx: Context): Handled {
    if (this.inner.flush === undefined) ctx.flush();
    else return this.inner.flush(ctx);
  }

  shutdown(ctx: Context, direction: Direction): WriteFuture | PromiseLike<void> {
    const { inner } = this;
    return inner.shutdown === undefined ? ctx.shutdown(direction) : inner.shutdown(ctx, direction);
  }

  close(ctx: Context, reason: CloseReason): WriteFuture | PromiseLike<void> {
    return this.inner.close === undefined ? ctx.close(reason) : this.inner.close(ctx, reason);
  }

  /** Runs an event now, or after those that wait. */
  private run(ctx: Context, event: Event): void {
    this.waiting.push(event);
    if (!this.isBusy) this.drain(ctx);
  }

  private drain(ctx: Context): void {
    this.isBusy = true;
    for (let count = 1; !this.waiting.isEmpty; count++) {
      if (this.messages > 0 && this.mustWait(ctx)) {
        this.waitsForOthers = true;
        this.gate.waitForOthers(ctx.channel, () => this.othersReleased(ctx));
        return;
      }
      const event = this.waiting.shift()!;
      const pending = this.call(ctx, event);
      const goOn = () => this.drain(ctx);
      if (pending !== undefined) {
        if (!ctx.isRemoved) this.gate.hold(ctx.channel);
        pending.then(goOn, goOn);
        return;
      }
      if (this.waiting.isEmpty) break;
      const { channel } = ctx;
      const isLate = !channel.isOpen;
      if (!isLate && !isTurnCheckDue(count)) continue;
      if (channel.checkTurn() && isLate && !ctx.isRemoved) {
        channel.onNextTurn(goOn);
        return;
      }
    }
    this.isBusy = false;
    this.drainHold?.release();
    this.gate.release();
  }

  /** Others hold reads while messages wait here; nothing that followed them may come first. */
  private mustWait(ctx: Context): boolean {
    if (this.hasEnded || ctx.isRemoved) return false;
    return !ctx.channel.discardsInput && this.gate.isHeldByOthers(ctx.channel);
  }

  private othersReleased(ctx: Context): void {
    if (!this.waitsForOthers) return;
    this.waitsForOthers = false;
    this.drain(ctx);
  }

  private endWaiting(ctx: Context): void {
    this.hasEnded = true;
    this.othersReleased(ctx);
  }

  /** Calls a method; its throw or rejection is reported. What is returned settles when that is complete, too. */
  private call(ctx: Context, event: Event): PromiseLike<void> | undefined {
    try {
      const handled = event();
      if (!isPromiseLike(handled)) return undefined;
      return handled.then(undefined, (thrown) => this.report(ctx, toError(thrown)));
    } catch (thrown) {
      return this.report(ctx, toError(thrown));
    }
  }

  /** As the pipeline does with `exceptionCaught`: what it throws is logged and dropped. */
  private report(ctx: Context, error: Error): PromiseLike<void> | undefined {
    const failed = (thrown: unknown) =>
      ctx.channel.logger.log('error', `${ctx.name}.exceptionCaught threw`, toError(thrown));
    try {
      const { inner } = this;
      if (inner.exceptionCaught === undefined) return void ctx.fireExceptionCaught(error);
      const handled = inner.exceptionCaught(ctx, error);
      return isPromiseLike(handled) ? handled.then(undefined, failed) : undefined;
    } catch (thrown) {
      return void failed(thrown);
    }
  }
}
