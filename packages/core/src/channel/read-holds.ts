import { callSafely } from '../call/call-safely.ts';
import type { Clock, DeadlineEntry } from '../contract/clock.ts';
import type { ReadHold } from '../contract.ts';

/**
 * Time without reads after which the transport is asked for a failure. Further questions follow after twice the time,
 * and so on, at most MAX_MS apart.
 */
const POLL_INTERVAL_MS = 1000;
const MAX_MS = 8000;

export interface HeldInput {
  /** Called when the last hold has been released and every listener has been called. */
  released(): void;
  /** Whether the transport may not report a failure while nothing is read. */
  readonly mayHideFailure: boolean;
  /** Asks for a failure when nothing has been read for a while. */
  detectFailure(): void;
}

/**
 * The holds on one channel's reads, the listeners for their end, and the time without reads. The object is made for
 * the first hold, or when no input is requested.
 */
export class ReadHolds implements DeadlineEntry {
  // The entry of the next look. The entry keeps its place when reads continue, so that frequent holds cost nothing.
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  // These two fields stand here, because most channels have no holds. In the input they would cost 16 bytes for
  // each connection.
  /** Whether a drain of the server has stopped reading. */
  isStopped = false;
  /** Whether a drain of the server drops input that has not been delivered. */
  isCut = false;
  private readonly holds = new Set<ReadHold>();
  private listeners: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly input: HeldInput;
  /** Whether auto-read is off and no input is requested. */
  private isUnasked = false;
  /** Start of the time without reads, or -1 while input is read. */
  private suspendedSince = -1;
  private heldBefore = 0;
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

  /** Total time, in milliseconds, with holds or without a request for input. */
  get suspended(): number {
    return this.heldBefore + (this.suspendedSince < 0 ? 0 : this.clock.now() - this.suspendedSince);
  }

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
        this.resume();
      },
    };
    this.holds.add(hold);
    this.stamp();
    return hold;
  }

  once(listener: () => void): void {
    this.listeners.push(listener);
  }

  clear(): void {
    this.holds.clear();
    this.listeners = [];
    this.isOver = true;
    this.clock.deadlines.remove(this);
  }

  expire(): void {
    if (this.suspendedSince < 0) return;
    const now = this.clock.now();
    const suspended = now - this.suspendedSince;
    const isDue = suspended >= POLL_INTERVAL_MS;
    this.scheduleCheck(isDue ? Math.min(suspended, MAX_MS) : POLL_INTERVAL_MS - suspended, now);
    if (isDue) this.input.detectFailure();
  }

  private scheduleCheck(ms: number, now: number): void {
    if (this.isOver || !this.input.mayHideFailure) return;
    // A rounded deadline can be one millisecond later than requested.
    if (this.heapIndex !== -1 && this.deadline <= now + ms + 1) return;
    this.clock.deadlines.add(this, ms);
  }

  private stamp(): void {
    const pauses = this.isUnasked || !this.isEmpty;
    if (pauses === this.suspendedSince >= 0) return;
    const now = this.clock.now();
    if (!pauses) this.heldBefore += now - this.suspendedSince;
    this.suspendedSince = pauses ? now : -1;
    if (pauses) this.scheduleCheck(POLL_INTERVAL_MS, now);
  }

  private resume(): void {
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) callSafely(listener, undefined);
    if (this.isEmpty) this.input.released();
  }
}
