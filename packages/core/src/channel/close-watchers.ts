import type { Channel, CloseInfo } from '../contract.ts';
import { callSafely } from '../internal/call-safely.ts';
import { SettableFuture } from '../internal/settable-future.ts';

type CloseListener = (channel: Channel) => void;

/** The listeners for the end of a channel; made for the first of them. Usually that is one group, so no set is made for it. */
export class CloseWatchers {
  private listeners: CloseListener | Set<CloseListener> | undefined = undefined;
  private settable: SettableFuture | undefined = undefined;
  private promise: Promise<CloseInfo> | undefined = undefined;

  /** Succeeds when the channel has closed. */
  get future(): SettableFuture {
    this.settable ??= new SettableFuture();
    return this.settable;
  }

  promiseFor(channel: Channel): Promise<CloseInfo> {
    this.promise ??= new Promise((resolve) => {
      if (channel.closeInfo !== undefined) resolve(channel.closeInfo);
      else this.add(() => resolve(channel.closeInfo!));
    });
    return this.promise;
  }

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

  /** Settles the future, if it was asked for. */
  succeed(): void {
    this.settable?.succeed();
  }

  /** Calls the listeners, once. */
  announce(channel: Channel): void {
    const { listeners } = this;
    this.listeners = undefined;
    if (typeof listeners === 'function') callSafely(listeners, channel);
    else if (listeners !== undefined)
      for (const listener of listeners) callSafely(listener, channel);
  }
}
