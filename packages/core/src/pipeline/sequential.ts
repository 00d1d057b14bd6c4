import { isPromiseLike } from '../call/promise-like.ts';
import type { CloseReason } from '../contract/connection.ts';
import type { TypesOf } from '../contract/handler-chain.ts';
import type { Context, Direction, Handled, Handler, WriteFuture } from '../contract.ts';
import { PipelineError, toError } from '../errors.ts';
import { notHandlerText } from './handler-names.ts';
import { KeptEvent } from './kept-event.ts';
import { KeptInput, type KeptInputSteps } from './kept-input.ts';
import { KeptInputHandler } from './kept-input-handler.ts';

const REGISTERED = new KeptEvent('channelRegistered');
const ACTIVE = new KeptEvent('channelActive');
const REMOVED = new KeptEvent('handlerRemoved');

/**
 * Wraps a handler so that its asynchronous methods run one after the other. While a promise that it returned is pending, further
 * inbound events wait in order, and reads are held. Decoders before the handler stop after the current message, and the socket
 * is not read. Outbound operations are not held.
 *
 * ```text
 * socket | frame | codec | [sequential(handler)] | …
 * ```
 *
 * **Place** Where the handler would be. **In/Out** The messages that the handler reads and writes. **Events** All inbound events
 * wait, even the end of the channel, so that no event overtakes a message. Only changes of the writability, a `DrainStartEvent`,
 * a `DrainEvent` and a `TlsUpgradeEvent` pass at once: the drain waits for the messages, and the upgrade receives the number of
 * their bytes. **Errors** A rejection reaches the handler's `exceptionCaught`, as a thrown error does. **State** Per channel.
 * **Cost** One closure per call of the handler.
 * **Pitfalls** Without a decoder that stops, all messages of one read wait. After this side has ended the channel, the waiting
 * messages are dropped. A channel that has closed removes its handlers without waiting for a pending promise. This handler still
 * receives the waiting messages, but the handlers after it do not.
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

class SequentialHandler extends KeptInputHandler {
  private readonly inner: Handler;
  private hasReported = false;
  /** Whether `channelActive` waits for the promise of an earlier event. */
  holdsActive = false;

  constructor(inner: Handler) {
    super();
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) {
      throw new PipelineError('PIPELINE_STATE', notHandlerText(inner, 'sequential'));
    }
    this.inner = inner;
    this.madeKept = new KeptInput(this.keptInputSteps());
  }

  protected override keptInputSteps(): KeptInputSteps {
    const { inner } = this;
    return {
      why: 'sequential',
      passOnWhenRemoved: true,
      delivered: () => {
        if (this.kept.isEmpty) this.kept.release();
      },
      passOn: (ctx, message) => {
        if (inner.channelRead === undefined) ctx.fireChannelRead(message);
        else this.run(ctx, () => inner.channelRead!(ctx, message));
      },
      complete: (ctx) => {
        if (inner.channelReadComplete === undefined) ctx.fireChannelReadComplete();
        else this.run(ctx, () => inner.channelReadComplete!(ctx));
      },
      event: (ctx, event) => {
        const { method, value } = event;
        if (event === ACTIVE) this.holdsActive = false;
        if (method === 'exceptionCaught') this.run(ctx, () => this.report(ctx, value as Error));
        else if (inner[method] === undefined) event.fire(ctx);
        else this.run(ctx, () => inner[method]!(ctx, value as never));
      },
    };
  }

  /** The pipeline watches the promise of an asynchronous `handlerAdded`. */
  handlerAdded(ctx: Context): unknown {
    return this.inner.handlerAdded?.(ctx);
  }

  override handlerRemoved(ctx: Context): void {
    super.handlerRemoved(ctx);
    this.kept.event(ctx, REMOVED);
  }

  channelRegistered(ctx: Context): void {
    this.kept.event(ctx, REGISTERED);
  }

  channelActive(ctx: Context): void {
    this.holdsActive = true;
    this.kept.event(ctx, ACTIVE);
  }

  /** Keeps the event for the end of our half, too, because the inner handler receives one event after the other. */
  override channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') super.channelShutdown(ctx, direction);
    else this.kept.event(ctx, new KeptEvent('channelShutdown', direction));
  }

  // --- not held: a write must be reported at once ---

  channelWritabilityChanged(ctx: Context): Handled {
    if (this.inner.channelWritabilityChanged === undefined) ctx.fireChannelWritabilityChanged();
    else return this.inner.channelWritabilityChanged(ctx);
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

  /** Calls a method and reports its error or rejection. Input waits until its promise is settled. */
  private run(ctx: Context, call: () => Handled): void {
    const { kept } = this;
    kept.beginCall();
    const pending = this.outcome(ctx, call);
    if (pending === undefined) {
      kept.endCall(ctx);
      return;
    }
    kept.awaitCall(ctx);
    const end = () => kept.endCall(ctx);
    pending.then(end, end);
  }

  private outcome(ctx: Context, call: () => Handled): PromiseLike<void> | undefined {
    try {
      const handled = call();
      if (!isPromiseLike(handled)) return undefined;
      return Promise.resolve(handled).then(undefined, (thrown) =>
        this.report(ctx, toError(thrown)),
      );
    } catch (thrown) {
      return this.report(ctx, toError(thrown));
    }
  }

  /** Reports an error as the pipeline does. An error that `exceptionCaught` throws is logged and dropped. */
  private report(ctx: Context, error: Error): PromiseLike<void> | undefined {
    const failed = (thrown: unknown) => this.reportCatcher(ctx, toError(thrown));
    try {
      const { inner } = this;
      if (inner.exceptionCaught === undefined) return void ctx.fireExceptionCaught(error);
      const handled = inner.exceptionCaught(ctx, error);
      return isPromiseLike(handled) ? Promise.resolve(handled).then(undefined, failed) : undefined;
    } catch (thrown) {
      return void failed(thrown);
    }
  }

  /** Logs one error for each channel, as the pipeline does. */
  private reportCatcher(ctx: Context, thrown: Error): void {
    const level = this.hasReported ? 'debug' : 'error';
    this.hasReported = true;
    ctx.channel.logger.log(level, `${ctx.name}.exceptionCaught threw`, thrown);
  }
}
