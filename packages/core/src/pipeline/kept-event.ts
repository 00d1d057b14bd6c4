import type { Context, Direction } from '../contract.ts';

/** The names of the inbound events, which are the names of the methods that handle them. */
export type InboundEvent =
  | 'channelRegistered'
  | 'channelActive'
  | 'channelReadComplete'
  | 'userEventTriggered'
  | 'exceptionCaught'
  | 'channelShutdown'
  | 'channelInactive'
  | 'channelUnregistered'
  | 'handlerRemoved';

/** An inbound event that is not a message, with the name of the method that handles it and its argument. */
export class KeptEvent {
  /** Method of the next handler that the event calls. */
  readonly method: InboundEvent;
  /** Argument of the method: the user event, the error or the direction. */
  readonly value: unknown;

  constructor(method: InboundEvent, value?: unknown) {
    this.method = method;
    this.value = value;
  }

  /** Fires the event at the next handler. */
  fire(ctx: Context): void {
    if (this.method === 'userEventTriggered') ctx.fireUserEventTriggered(this.value);
    else if (this.method === 'exceptionCaught') ctx.fireExceptionCaught(this.value as Error);
    else if (this.method === 'channelShutdown') ctx.fireChannelShutdown(this.value as Direction);
    else if (this.method === 'channelInactive') ctx.fireChannelInactive();
    else if (this.method === 'channelUnregistered') ctx.fireChannelUnregistered();
    else if (this.method === 'channelActive') ctx.fireChannelActive();
    else if (this.method === 'channelRegistered') ctx.fireChannelRegistered();
  }
}

export const COMPLETE = new KeptEvent('channelReadComplete');
export const INACTIVE = new KeptEvent('channelInactive');
export const UNREGISTERED = new KeptEvent('channelUnregistered');
