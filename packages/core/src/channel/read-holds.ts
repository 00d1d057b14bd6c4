import { callSafely } from '../call/call-safely.ts';
import type { Clock, DeadlineEntry, ReadHold } from '../contract.ts';

/** The transport is asked for a failure when nothing has been read for so long, and then at twice the time, and so on. */
const LOOK_MS = 1000;
const MOST_MS = 8000;

/** The input that is held. */
export interface HeldInput {
  /** The last hold has gone, and every listener has been called. */
  released(): void;
  /** A failure of the transport may not be reported while nothing is read. */
  readonly mayHideFailure: boolean;
  /** Nothing has been read for a while. */
  lookForFailure(): void;
}

/**
 * The holds on one channel's reads, the listeners for their end, and the time in which nothing was read. Made when the
 * first hold is taken, or when nothing is asked for.
 */
export class ReadHolds implements DeadlineEntry {
  // Of the next look: its place stays when reads go on, so that frequent holds cost nothing.
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  // Here, because an idle channel has none: two more fields of its input would be 16 bytes for each connection.
  /** A drain of the server: nothing more is asked for. */
  isStopped = false;
  /** A drain of the server: input that has not been delivered is dropped. */
  isCut = false;
  private readonly holds = new Set<ReadHold>();
  private listeners: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly input: HeldInput;
  /** With auto-read off: nothing is asked for. */
  private isUnasked = false;
  /** Since when nothing is read; -1 while something is. */
  private stoodSince = -1;
  private stoodBefore = 0;
  /** The channel has closed. */
  private isOver = false;

  constructor(clock: Clock, input: HeldInput) {
    this.clock = clock;
    this.input = input;
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
    this.isOver = true;
    this.clock.deadlines.remove(this);
  }

  expire(): void {
    if (this.stoodSince < 0) return;
    const now = this.clock.now();
    const stoodMs = now - this.stoodSince;
    const isDue = stoodMs >= LOOK_MS;
    this.lookIn(isDue ? Math.min(stoodMs, MOST_MS) : LOOK_MS - stoodMs, now);
    if (isDue) this.input.lookForFailure();
  }

  private lookIn(ms: number, now: number): void {
    if (this.isOver || !this.input.mayHideFailure) return;
    // Rounded up, it may be a millisecond later than asked for.
    if (this.heapIndex !== -1 && this.deadline <= now + ms + 1) return;
    this.clock.deadlines.add(this, ms);
  }

  private stamp(): void {
    const stands = this.isUnasked || !this.isEmpty;
    if (stands === this.stoodSince >= 0) return;
    const now = this.clock.now();
    if (!stands) this.stoodBefore += now - this.stoodSince;
    this.stoodSince = stands ? now : -1;
    if (stands) this.lookIn(LOOK_MS, now);
  }

  private goOn(): void {
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) callSafely(listener, undefined);
    if (this.isEmpty) this.input.released();
  }
}
