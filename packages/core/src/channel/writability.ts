import { callSafely } from '../call/call-safely.ts';
import type { Clock } from '../contract/clock.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';

/** The parts of a channel that its {@link Writability} uses. */
interface WritabilityOwner {
  readonly isOpen: boolean;
  readonly clock: Clock;
  readonly options: ResolvedChannelOptions;
  readonly pipeline: { fireChannelWritabilityChanged(): void };
}

/**
 * The writability of a channel. The channel becomes unwritable above the high watermark, and writable again below the
 * low watermark. The object is made when enough output waits; a channel without it is writable.
 */
export class Writability {
  isWritable = true;
  heldBytes = 0;
  private isAnnounced = true;
  private listeners: (() => void)[] | undefined = undefined;
  private readonly owner: WritabilityOwner;

  constructor(owner: WritabilityOwner) {
    this.owner = owner;
  }

  /**
   * Adds `delta` bytes that handlers hold. Handlers call the method in the middle of an event. The other handlers are
   * notified after the event.
   */
  hold(delta: number, queuedBytes: number): void {
    this.heldBytes += delta;
    this.update(queuedBytes);
    if (this.hasNews) this.owner.clock.execute(() => this.announce());
  }

  queued(queuedBytes: number): void {
    this.update(queuedBytes);
    if (this.hasNews) this.announce();
  }

  private update(queuedBytes: number): void {
    const { writeBufferLowBytes, writeBufferHighBytes } = this.owner.options;
    const pendingBytes = queuedBytes + this.heldBytes;
    if (this.isWritable) {
      if (pendingBytes > writeBufferHighBytes) this.isWritable = false;
    } else if (pendingBytes < writeBufferLowBytes || pendingBytes === 0) this.isWritable = true;
  }

  /**
   * Whether a change is not announced yet. A listener can be added during a change that ends before its announcement.
   */
  private get hasNews(): boolean {
    if (this.isWritable !== this.isAnnounced) return true;
    return this.isWritable && this.listeners !== undefined;
  }

  private announce(): void {
    if (!this.owner.isOpen) return;
    if (this.isWritable !== this.isAnnounced) {
      this.isAnnounced = this.isWritable;
      this.owner.pipeline.fireChannelWritabilityChanged();
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
