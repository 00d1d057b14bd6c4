import type { Handler } from '../contract.ts';

export const CHANNEL_REGISTERED: number = 1 << 0;
export const CHANNEL_ACTIVE: number = 1 << 1;
export const CHANNEL_READ: number = 1 << 2;
export const CHANNEL_READ_COMPLETE: number = 1 << 3;
export const CHANNEL_WRITABILITY_CHANGED: number = 1 << 4;
export const USER_EVENT_TRIGGERED: number = 1 << 5;
export const CHANNEL_SHUTDOWN: number = 1 << 6;
export const CHANNEL_INACTIVE: number = 1 << 7;
export const CHANNEL_UNREGISTERED: number = 1 << 8;
export const EXCEPTION_CAUGHT: number = 1 << 9;
export const READ: number = 1 << 10;
export const WRITE: number = 1 << 11;
export const FLUSH: number = 1 << 12;
export const SHUTDOWN: number = 1 << 13;
export const CLOSE: number = 1 << 14;

/** A further bit of a context: `handlerAdded` has run. Before that, the handler receives no event. */
export const ADDED: number = 1 << 16;
/** The handler has left its pipeline. */
export const REMOVED: number = 1 << 17;

/** Returns the events that a handler implements, as bits. Other events skip the handler without a call. */
export function maskOf(handler: Handler): number {
  let mask = 0;
  if (handler.channelRegistered !== undefined) mask |= CHANNEL_REGISTERED;
  if (handler.channelActive !== undefined) mask |= CHANNEL_ACTIVE;
  if (handler.channelRead !== undefined) mask |= CHANNEL_READ;
  if (handler.channelReadComplete !== undefined) mask |= CHANNEL_READ_COMPLETE;
  if (handler.channelWritabilityChanged !== undefined) mask |= CHANNEL_WRITABILITY_CHANGED;
  if (handler.userEventTriggered !== undefined) mask |= USER_EVENT_TRIGGERED;
  if (handler.channelShutdown !== undefined) mask |= CHANNEL_SHUTDOWN;
  if (handler.channelInactive !== undefined) mask |= CHANNEL_INACTIVE;
  if (handler.channelUnregistered !== undefined) mask |= CHANNEL_UNREGISTERED;
  if (handler.exceptionCaught !== undefined) mask |= EXCEPTION_CAUGHT;
  if (handler.read !== undefined) mask |= READ;
  if (handler.write !== undefined) mask |= WRITE;
  if (handler.flush !== undefined) mask |= FLUSH;
  if (handler.shutdown !== undefined) mask |= SHUTDOWN;
  if (handler.close !== undefined) mask |= CLOSE;
  return mask;
}
