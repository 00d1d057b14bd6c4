import type { ReadHold } from '../contract.ts';
import { callSafely } from '../internal/call-safely.ts';

/** The holds on one channel's reads, and who waits for their end. Made when the first one is taken. */
export class ReadHolds {
  private readonly holds = new Set<ReadHold>();
  private listeners: (() => void)[] = [];
  private readonly released: () => void;

  /** @param released - called when the last hold has gone and every listener has been called */
  constructor(released: () => void) {
    this.released = released;
  }

  get isEmpty(): boolean {
    return this.holds.size === 0;
  }

  get reasons(): string[] {
    return Array.from(this.holds, ({ why }) => why);
  }

  add(why: string): ReadHold {
    const hold: ReadHold = {
      why,
      release: () => {
        if (this.holds.delete(hold) && this.isEmpty) this.goOn();
      },
    };
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
