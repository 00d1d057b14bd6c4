import type { Clock, ReadHold } from '../contract.ts';
import { callSafely } from '../internal/call-safely.ts';

/**
 * The holds on one channel's reads, the listeners for their end, and the time in which nothing was read. Made when the
 * first hold is taken, or when nothing is asked for.
 */
export class ReadHolds {
  // Here, because an idle channel has none: two more fields of its input would be 16 bytes for each connection.
  /** A drain of the server: nothing more is asked for. */
  isStopped = false;
  /** A drain of the server: input that has not been delivered is dropped. */
  isCut = false;
  private readonly holds = new Set<ReadHold>();
  private listeners: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly released: () => void;
  /** With auto-read off: nothing is asked for. */
  private isUnasked = false;
  /** Since when nothing is read; -1 while something is. */
  private stoodSince = -1;
  private stoodBefore = 0;

  /** @param released - called when the last hold has gone and every listener has been called */
  constructor(clock: Clock, released: () => void) {
    this.clock = clock;
    this.released = released;
  }

  get isEmpty(): boolean {
    return this.holds.size === 0;
  }

  get reasons(): string[] {
    return Array.from(this.holds, ({ why }) => why);
  }

  /** For how long holds have been out, or nothing was asked for, so far, in milliseconds. */
  get stoodMs(): number {
    return this.stoodBefore + (this.stoodSince < 0 ? 0 : this.clock.now() - this.stoodSince);
  }

  /** With auto-read off: a read was asked for, or has come. */
  setUnasked(isUnasked: boolean): void {
    this.isUnasked = isUnasked;
    this.stamp();
  }

  add(why: string): ReadHold {
    const hold: ReadHold = {
      why,
      release: () => {
        if (!this.holds.delete(hold) || !this.isEmpty) return;
        this.stamp();
        this.goOn();
      },
    };
    this.holds.add(hold);
    this.stamp();
    return hold;
  }

  /** Called once when no hold is out. */
  once(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** The channel has closed. */
  clear(): void {
    this.holds.clear();
    this.listeners = [];
  }

  private stamp(): void {
    const stands = this.isUnasked || !this.isEmpty;
    if (stands === this.stoodSince >= 0) return;
    const now = this.clock.now();
    if (!stands) this.stoodBefore += now - this.stoodSince;
    this.stoodSince = stands ? now : -1;
  }

  private goOn(): void {
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) callSafely(listener, undefined);
    if (this.isEmpty) this.released();
  }
}
