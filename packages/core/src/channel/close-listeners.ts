import { callSafely } from '../call/call-safely.ts';
import type { Channel } from '../contract.ts';

export type CloseListener = (channel: Channel) => void;

/** The listeners for the close of one channel. Usually one group is the only listener, so no set is made for it. */
export type CloseListeners = CloseListener | Set<CloseListener> | undefined;

export function withListener(listeners: CloseListeners, added: CloseListener): CloseListeners {
  if (listeners === undefined) return added;
  return typeof listeners === 'function' ? new Set([listeners, added]) : listeners.add(added);
}

export function withoutListener(listeners: CloseListeners, removed: CloseListener): CloseListeners {
  if (typeof listeners === 'object') listeners.delete(removed);
  return listeners === removed ? undefined : listeners;
}

export function callListeners(listeners: CloseListeners, channel: Channel): void {
  if (typeof listeners === 'function') callSafely(listeners, channel);
  else if (listeners !== undefined) for (const listener of listeners) callSafely(listener, channel);
}
