import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { byteLengthOf, SendSequence } from '@headrace/core/authoring';
import { KeptRun, MESSAGE_OVERHEAD_BYTES, type RunFrame } from './kept-run.ts';
import { MANY_BYTES, NO_LIMIT, RECORD_HEADER_BYTES } from './resume-frame.ts';
import { giveBack, LARGEST_SPARE_BYTES, takeRun } from './spare-runs.ts';

/** Empty list that idle channels share. */
const NO_RUNS: KeptRun[] = [];

/** Unacknowledged outbound messages. Each message has a number, and a new link sends all messages after a given number. */
export class OutgoingMessages extends SendSequence {
  /** Maximum number of unacknowledged bytes: the peer's credit. */
  creditBytes = 0;
  /** Maximum length of a frame that the links let pass. */
  maxFrameBytes: number = NO_LIMIT;
  /** Number of unacknowledged bytes, including the overhead. */
  bytes = 0;
  /** Runs, the oldest first; nearly always one. */
  private runs: KeptRun[] = NO_RUNS;

  /** Maximum length of a payload within the credit. */
  get maxPayloadBytes(): number {
    return this.creditBytes - MESSAGE_OVERHEAD_BYTES;
  }

  /** Maximum length of a payload within the credit that the links let pass, too. */
  get maxMessageBytes(): number {
    return Math.min(this.maxPayloadBytes, this.maxFrameBytes - 1);
  }

  /** Copies messages with a total length of `bytes`. Returns the number of messages that the credit allows. */
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
    // If a source throws, nothing has changed.
    run.add(messages, count);
    this.bytes += cost;
    this.add(count);
    return count;
  }

  /** Returns a run with room for these bytes. Each run is larger than the previous one, so few runs exist. */
  private runFor(bytes: number, isDetached: boolean): KeptRun {
    const newest = this.runs[this.runs.length - 1];
    let before = 0;
    if (newest !== undefined) {
      if (newest.freeBytes >= bytes) return newest;
      before = newest.memory.length;
    }
    const length = Math.max(bytes, Math.min(LARGEST_SPARE_BYTES, 2 * before));
    // Without a link, no acknowledgement arrives soon, so the memory is not rounded up to the size
    // of a spare run.
    const run = isDetached ? new KeptRun(Buffer.allocUnsafeSlow(length)) : takeRun(length);
    if (this.runs === NO_RUNS) this.runs = [];
    this.runs.push(run);
    return run;
  }

  /** Returns the next messages for the current link, as one frame. */
  next(): RunFrame | undefined {
    const frame = this.unsentRun()?.next(Math.min(MANY_BYTES, this.maxFrameBytes));
    if (frame === undefined) return undefined;
    this.send(frame.count);
    return frame;
  }

  /** Called when no write is pending on the current link, so that none reads the memory of its runs. */
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

  /** Begins a new link after this message. Returns the number of messages that are sent again. */
  beginLink(received: number): number {
    this.acknowledge(received);
    for (const run of this.runs) {
      // The write of an older link may never end.
      if (run.isLent) run.isShared = true;
      run.rewind();
    }
    return this.resendAfter(received);
  }

  /**
   * Continues a channel of another process. The `kept` messages follow the acknowledged number. Messages up to `highest` were
   * sent at least once. Returns false if the kept messages exceed the credit.
   */
  restore(acknowledged: number, highest: number, kept: readonly Buffer[]): boolean {
    this.acknowledged = this.sent = this.last = acknowledged;
    this.highest = highest;
    let bytes = 0;
    for (const payload of kept) bytes += payload.length;
    return kept.length === 0 || this.addAll(kept, bytes, true) === kept.length;
  }

  /** Copies waiting messages out of reusable memory, because they can wait for long. */
  compact(): void {
    this.runs = this.isEmpty ? NO_RUNS : this.runs.map((run) => run.compacted());
  }

  /** Returns the unacknowledged payloads, oldest first. */
  payloads(): Buffer[] {
    return this.runs.flatMap((run) => run.payloads());
  }

  clear(): void {
    this.runs = NO_RUNS;
    this.last = this.acknowledged;
    this.bytes = 0;
  }
}
