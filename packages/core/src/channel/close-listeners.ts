import type { Channel } from '../contract.ts';
import { callSafely } from '../internal/call-safely.ts';

type CloseListener = (channel: Channel) => void;

/** Who wants to hear that a channel has closed: usually nobody or one group, so no set is made for them. */
export class CloseListeners {
  private listeners: CloseListener | Set<CloseListener> | undefined = undefined;

  add(listener: CloseListener): void {
    const { listeners } = this;
    if (listeners === undefined) this.listeners = listener;
    else if (typeof listeners === 'function') this.listeners = new Set([listeners, listener]);
    else listeners.add(listener);
  }

  delete(listener: CloseListener): void {
    if (this.listeners === listener) this.listeners = undefined;
    else if (typeof this.listeners === 'object') this.listeners.delete(listener);
  }

  announce(channel: Channel): void {
    const { listeners } = this;
    this.listeners = undefined;
    if (typeof listeners === 'function') callSafely(listeners, channel);
    else if (listeners !== undefined)
      for (const listener of listeners) callSafely(listener, channel);
  }
}
