import type { Clock, ReadHold } from '../contract.ts';
import { callSafely } from '../internal/call-safely.ts';

/** The holds on one channel's reads, and the listeners for their end. Made when the first one is taken. */
export class ReadHolds {
  private readonly holds = new Set<ReadHold>();
  private listeners: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly released: () => void;
  private heldSince = 0;
  private heldBefore = 0;

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

  /** For how long holds have been out so far, in milliseconds. */
  get heldMs(): number {
    return this.heldBefore + (this.isEmpty ? 0 : this.clock.now() - this.heldSince);
  }

  add(why: string): ReadHold {
    const hold: ReadHold = {
      why,
      release: () => {
        if (this.holds.delete(hold) && this.isEmpty) {
          this.heldBefore += this.clock.now() - this.heldSince;
          this.goOn();
        }
      },
    };
    if (this.isEmpty) this.heldSince = this.clock.now();
    this.holds.add(hold);
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

  private goOn(): void {
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) callSafely(listener, undefined);
    if (this.isEmpty) this.released();
  }
}
