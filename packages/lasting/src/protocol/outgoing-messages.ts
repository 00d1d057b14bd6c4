import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { byteLengthOf } from '@headrace/core/authoring';
import { KeptRun, MESSAGE_OVERHEAD_BYTES, type RunFrame } from './kept-run.ts';
import { RECORD_HEADER_BYTES } from './resume-frame.ts';
import { giveBack, LARGEST_SPARE_BYTES, takeRun } from './spare-runs.ts';

/** Idle channels share an empty one. */
const NO_RUNS: KeptRun[] = [];

/**
 * Outbound messages that are not acknowledged, numbered from 1 by counting, so that a new link
 * can be given all messages after a number.
 */
export class OutgoingMessages {
  /** Bytes that may be unacknowledged: the peer's credit. */
  creditBytes = 0;
  /** Bytes that are not acknowledged, with the overhead. */
  bytes = 0;
  /** The number of the last message that the peer has. */
  acknowledged = 0;
  /** The number of the last message that went to the present link. */
  sent = 0;
  /** The number of the last message that ever went to a link. */
  highest = 0;
  /** The number of the last message. */
  last = 0;
  /** The oldest first; nearly always one. */
  private runs: KeptRun[] = NO_RUNS;

  get isEmpty(): boolean {
    return this.last === this.acknowledged;
  }

  /** The longest payload that the credit allows. */
  get maxPayloadBytes(): number {
    return this.creditBytes - MESSAGE_OVERHEAD_BYTES;
  }

  /** Takes copies of messages, `bytes` long together. Returns how many the credit allows now. */
  addAll(messages: readonly OutboundBytes[], bytes: number, isDetached: boolean): number {
    const room = this.creditBytes - this.bytes;
    let count = messages.length;
    let cost = bytes + count * MESSAGE_OVERHEAD_BYTES;
    if (cost > room) {
      count = cost = 0;
      for (;;) {
        const more = byteLengthOf(messages[count]!) + MESSAGE_OVERHEAD_BYTES;
        if (cost + more > room) break;
        cost += more;
        count += 1;
      }
    }
    if (count === 0) return 0;
    const run = this.runFor(
      cost + count * (RECORD_HEADER_BYTES - MESSAGE_OVERHEAD_BYTES),
      isDetached,
    );
    // A source that throws has changed nothing yet.
    run.add(messages, count);
    this.bytes += cost;
    this.last += count;
    return count;
  }

  /** A run with room for so many bytes. Each is larger than the one before, so there are few of them. */
  private runFor(bytes: number, isDetached: boolean): KeptRun {
    const newest = this.runs[this.runs.length - 1];
    let before = 0;
    if (newest !== undefined) {
      if (newest.freeBytes >= bytes) return newest;
      before = newest.memory.length;
    }
    const length = Math.max(bytes, Math.min(LARGEST_SPARE_BYTES, 2 * before));
    // Without a link nothing is acknowledged: the memory is not rounded up to the size of a spare run.
    const run = isDetached ? new KeptRun(Buffer.allocUnsafeSlow(length)) : takeRun(length);
    if (this.runs === NO_RUNS) this.runs = [];
    this.runs.push(run);
    return run;
  }

  /** The next messages for the present link, as one frame. */
  next(): RunFrame | undefined {
    const frame = this.unsentRun()?.next();
    if (frame === undefined) return undefined;
    this.sent += frame.count;
    if (this.sent > this.highest) this.highest = this.sent;
    return frame;
  }

  /** The present link has no write under way: none reads the memory of the runs that it got. */
  writesEnded(): void {
    const { runs } = this;
    for (let i = 0; i < runs.length; i++) runs[i]!.isLent = false;
  }

  private unsentRun(): KeptRun | undefined {
    if (this.sent === this.last) return undefined;
    const { runs } = this;
    for (let i = 0; i < runs.length; i++) if (runs[i]!.hasUnsent) return runs[i];
    return undefined;
  }

  /** The peer has all up to this number, which is not below the last one. */
  acknowledge(received: number): void {
    const { runs } = this;
    let done = 0;
    while (this.acknowledged < received) {
      const run = runs[done]!;
      const count = Math.min(received - this.acknowledged, run.count);
      this.bytes -= run.acknowledge(count);
      this.acknowledged += count;
      if (run.count > 0) break;
      giveBack(run);
      done += 1;
    }
    if (done === runs.length) this.runs = NO_RUNS;
    else if (done > 0) runs.splice(0, done);
  }

  /** A new link begins behind this number. Returns how many messages go out again. */
  beginLink(received: number): number {
    this.acknowledge(received);
    this.sent = received;
    for (const run of this.runs) {
      // An older link may never end its write.
      if (run.isLent) run.isShared = true;
      run.rewind();
    }
    return this.highest - received;
  }

  /** Copies what waits out of memory that would serve again: it may wait for long. */
  compact(): void {
    this.runs = this.isEmpty ? NO_RUNS : this.runs.map((run) => run.compacted());
  }

  /** The payloads that are not acknowledged, oldest first. */
  payloads(): Buffer[] {
    return this.runs.flatMap((run) => run.payloads());
  }

  clear(): void {
    this.runs = NO_RUNS;
    this.last = this.acknowledged;
    this.bytes = 0;
  }
}
