import { callSafely } from '../internal/call-safely.ts';

/** What {@link Writability} needs of the output it belongs to. */
export interface WritabilityOwner {
  readonly isOpen: boolean;
  readonly pendingBytes: number;
  readonly writeBufferLowBytes: number;
  readonly writeBufferHighBytes: number;
  fireChannelWritabilityChanged(): void;
}

/**
 * Whether a channel is writable: not above the high water mark, again below the low one. Made when enough
 * output waits to matter; before that a channel is writable.
 */
export class Writability {
  isWritable = true;
  /** Held back by handlers. */
  heldBytes = 0;
  private isAnnounced = true;
  private listeners: (() => void)[] | undefined = undefined;
  private readonly owner: WritabilityOwner;

  constructor(owner: WritabilityOwner) {
    this.owner = owner;
  }

  /** The number of pending bytes has changed. */
  update(): void {
    const { pendingBytes, writeBufferLowBytes, writeBufferHighBytes } = this.owner;
    if (this.isWritable) {
      if (pendingBytes > writeBufferHighBytes) this.isWritable = false;
    } else if (pendingBytes < writeBufferLowBytes || pendingBytes === 0) this.isWritable = true;
  }

  /** Not announced yet. A listener may have been added during a change that is over before it was announced. */
  get hasNews(): boolean {
    if (this.isWritable !== this.isAnnounced) return true;
    return this.isWritable && this.listeners !== undefined;
  }

  announce(): void {
    if (!this.owner.isOpen) return;
    if (this.isWritable !== this.isAnnounced) {
      this.isAnnounced = this.isWritable;
      this.owner.fireChannelWritabilityChanged();
    }
    if (this.isWritable && this.owner.isOpen) this.callListeners();
  }

  once(listener: () => void): void {
    this.listeners ??= [];
    this.listeners.push(listener);
  }

  callListeners(): void {
    const { listeners } = this;
    this.listeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) callSafely(listener, undefined);
  }
}
