import { callSafely } from '../call/call-safely.ts';
import type { Clock } from '../contract.ts';
import type { ResolvedChannelOptions } from './channel-options.ts';

/** The parts of a channel that its {@link Writability} uses. */
interface WritabilityOwner {
  readonly isOpen: boolean;
  readonly clock: Clock;
  readonly options: ResolvedChannelOptions;
  readonly pipeline: { fireChannelWritabilityChanged(): void };
}

/**
 * Whether a channel is writable: not above the high watermark, again below the low one. Made when enough
 * output waits to matter; before that a channel is writable.
 */
export class Writability {
  isWritable = true;
  /** Held by handlers, in bytes. */
  heldBytes = 0;
  private isAnnounced = true;
  private listeners: (() => void)[] | undefined = undefined;
  private readonly owner: WritabilityOwner;

  constructor(owner: WritabilityOwner) {
    this.owner = owner;
  }

  /** Handlers hold `delta` bytes more. They report it from the middle of an event: the others are notified after it. */
  hold(delta: number, queuedBytes: number): void {
    this.heldBytes += delta;
    this.update(queuedBytes);
    if (this.hasNews) this.owner.clock.execute(() => this.announce());
  }

  /** The number of queued bytes has changed. */
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

  /** Not announced yet. A listener may have been added during a change that is over before it was announced. */
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
