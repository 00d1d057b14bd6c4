import type { BusSubscription } from '@headrace/bus';
import type { Clock, Timer } from '@headrace/core';
import type { LogEntry } from '../contract/log.ts';

/** Time that a copy waits for one before it that the server has. After this time, the follower has a gap, and reads. */
const WAIT_MS = 50;
const MAX_WAITING = 64;

/** The parts of a {@link LiveCheck}. */
export interface LiveCheckParts<E> {
  readonly clock: Clock;
  /** Resolves with the sequence of the group's first message from this sequence on, or undefined if there is none. */
  next(from: number): Promise<number | undefined>;
  /** Whether a copy is none of a change, but a message that is in the order, too. */
  isMark(entry: E): boolean;
  deliver(entry: E): void;
}

/**
 * Puts the live copies of one group in order, where other groups store between its messages. A copy with the next sequence of the
 * stream follows the one before it. For any other copy, the server is asked for the first message after the one before: so a
 * follower learns of each copy that was lost. Many copies that wait share one question.
 */
export class LiveCheck<E extends LogEntry> implements BusSubscription {
  private readonly parts: LiveCheckParts<E>;
  /** The sequence of the last copy that was passed on, or 0 before the first, and the one up to which nothing comes after it. */
  private last = 0;
  private provenTo = 0;
  /** The sequence of the last change that was delivered. */
  private change: number | undefined = undefined;
  private waiting: E[] = [];
  private isAsking = false;
  private timer: Timer | undefined = undefined;
  private isClosed = false;

  constructor(parts: LiveCheckParts<E>) {
    this.parts = parts;
  }

  take(entry: E): void {
    const { waiting, last } = this;
    const { offset } = entry.position;
    if (offset <= last) {
      // The copy is late, and the follower has read the change.
      if (!this.parts.isMark(entry)) this.parts.deliver(entry);
      return;
    }
    const after = waiting.findIndex((other) => other.position.offset > offset);
    waiting.splice(after < 0 ? waiting.length : after, 0, entry);
    if (waiting.length > MAX_WAITING) this.giveUp();
    else this.passKnown();
  }

  close(): void {
    this.isClosed = true;
    this.waiting = [];
    this.timer?.cancel();
  }

  /** Passes on the copies that follow the last one, and asks about the next one. */
  private passKnown(): void {
    const { waiting } = this;
    for (let head = waiting[0]; head !== undefined; head = waiting[0]) {
      const before = head.position.offset - 1;
      if (this.last > 0 && before > Math.max(this.last, this.provenTo)) break;
      this.pass(waiting.shift()!, this.last > 0);
    }
    if (waiting.length > 0 && !this.isAsking && this.timer === undefined) void this.ask();
  }

  private async ask(): Promise<void> {
    const { last } = this;
    this.isAsking = true;
    const found = await this.parts.next(last + 1).catch(() => undefined);
    this.isAsking = false;
    if (this.isClosed || this.waiting.length === 0) return;
    if (this.last !== last) {
      this.passKnown();
      return;
    }
    // A server without the message of the copy knows less than its leader did.
    if (found === undefined) {
      this.passGap();
      return;
    }
    this.provenTo = found - 1;
    if (found < this.waiting[0]!.position.offset) {
      this.timer = this.parts.clock.schedule(() => this.passGap(), WAIT_MS);
    }
    this.passKnown();
  }

  private passGap(): void {
    this.pass(this.waiting.shift()!, false);
    this.passKnown();
  }

  private giveUp(): void {
    for (const entry of this.waiting.splice(0)) this.pass(entry, false);
  }

  private pass(entry: E, follows: boolean): void {
    const { offset } = entry.position;
    this.timer?.cancel();
    this.timer = undefined;
    this.last = offset;
    if (this.parts.isMark(entry)) {
      // What follows the mark follows the change before it.
      if (!follows) this.change = offset - 1;
      return;
    }
    const previous = follows ? this.change! : offset - 1;
    this.change = offset;
    this.parts.deliver(previous === entry.previous ? entry : { ...entry, previous });
  }
}
