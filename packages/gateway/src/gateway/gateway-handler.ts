import { type Context, type Direction, DrainStartEvent, type Handler } from '@headrace/core';

/** The gateway, as its handler uses it. */
export interface GatewayDoor {
  connected(ctx: Context): number;
  message(id: number, message: unknown): void;
  userEvent(id: number, event: unknown): void;
  inputEnded(id: number): void;
  disconnected(id: number, reason: string): void;
}

/**
 * Sends the messages of its connection to a worker, and writes the messages of the worker.
 *
 * ```text
 *  wire | frame | codec | auth | [gateway] | ─── bus ───▶ worker
 * ```
 *
 * **Place** The last handler. **In** Messages that JSON can represent, or that the gateway's `codec` encodes; the messages end
 * here. **Out** The messages of the worker. **Events** All pass. After a `DrainStartEvent`, no more
 * input is read. A drain waits until the messages are answered. With `allowHalfOpen`, the end of the peer's half ends the channel
 * when the messages are answered. **Errors** `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`.
 * **State** Per channel. **Pitfalls** Reading stops while `maxUnanswered` messages are unanswered, and without a worker. Reading
 * also stops while the bus is down, unless the gateway has `handleWhenDown`. A heartbeat upstream of the handler should not count
 * that time.
 */
export class GatewayHandler implements Handler {
  private readonly gateway: GatewayDoor;
  private id: number | undefined = undefined;

  constructor(gateway: GatewayDoor) {
    this.gateway = gateway;
  }

  fresh(): Handler {
    return new GatewayHandler(this.gateway);
  }

  handlerAdded(ctx: Context): void {
    DrainStartEvent.seenBy(ctx.channel)?.stopInput();
    if (ctx.isActive) this.id = this.gateway.connected(ctx);
  }

  channelActive(ctx: Context): void {
    this.id ??= this.gateway.connected(ctx);
    ctx.fireChannelActive();
  }

  channelRead(_ctx: Context, message: unknown): void {
    if (this.id !== undefined) this.gateway.message(this.id, message);
  }

  /** Stops the input before the first connection ends, so that a peer that never stops cannot delay the end. */
  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainStartEvent) event.stopInput();
    if (this.id !== undefined) this.gateway.userEvent(this.id, event);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input' && this.id !== undefined) this.gateway.inputEnded(this.id);
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.gone(ctx.channel.closeInfo?.reason ?? 'local');
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.gone('local');
  }

  private gone(reason: string): void {
    const { id } = this;
    if (id === undefined) return;
    this.id = undefined;
    this.gateway.disconnected(id, reason);
  }
}
