import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { byteLengthOf, SendSequence } from '@headrace/core/authoring';
import { KeptRun, MESSAGE_OVERHEAD_BYTES, type RunFrame } from './kept-run.ts';
import { RECORD_HEADER_BYTES } from './resume-frame.ts';
import { giveBack, LARGEST_SPARE_BYTES, takeRun } from './spare-runs.ts';

/** Idle channels share an empty one. */
const NO_RUNS: KeptRun[] = [];

/** Outbound messages that are not acknowledged, numbered by counting: a new link is given all messages after a number. */
export class OutgoingMessages extends SendSequence {
  /** Bytes that may be unacknowledged: the peer's credit. */
  creditBytes = 0;
  /** Bytes that are not acknowledged, with the overhead. */
  bytes = 0;
  /** The oldest first; nearly always one. */
  private runs: KeptRun[] = NO_RUNS;

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
    this.add(count);
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
    this.send(frame.count);
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

  override acknowledge(received: number): number {
    const { runs } = this;
    const count = super.acknowledge(received);
    let done = 0;
    for (let left = count; left > 0; ) {
      const run = runs[done]!;
      const part = Math.min(left, run.count);
      this.bytes -= run.acknowledge(part);
      left -= part;
      if (run.count > 0) break;
      giveBack(run);
      done += 1;
    }
    if (done === runs.length) this.runs = NO_RUNS;
    else if (done > 0) runs.splice(0, done);
    return count;
  }

  /** A new link begins behind this number. Returns how many messages go out again. */
  beginLink(received: number): number {
    this.acknowledge(received);
    for (const run of this.runs) {
      // An older link may never end its write.
      if (run.isLent) run.isShared = true;
      run.rewind();
    }
    return this.resendAfter(received);
  }

  /**
   * The channel was at another process before: `kept` follow the number that is acknowledged, and those up to `highest` went
   * to the peer at least once. False if the credit allows less.
   */
  goOnWith(acknowledged: number, highest: number, kept: readonly Buffer[]): boolean {
    this.acknowledged = this.sent = this.last = acknowledged;
    this.highest = highest;
    let bytes = 0;
    for (const payload of kept) bytes += payload.length;
    return kept.length === 0 || this.addAll(kept, bytes, true) === kept.length;
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
