import type { Timer } from '@headrace/core';
import { systemError } from '@headrace/core/authoring';
import type { SimulatedTime } from '../simulated-time.ts';

/** The idle time before the first probe, the interval between probes, and the number of unanswered probes that is allowed. */
export interface KeepAlive {
  readonly idleMs: number;
  readonly intervalMs: number;
  readonly count: number;
}

/** The connection that is probed. */
export interface ProbedEnd {
  readonly isOpen: boolean;
  /** Whether bytes, sent or waiting, are not acknowledged yet. */
  readonly isWritePending: boolean;
  sendProbe(what: string): void;
  breaks(error: Error): void;
}

/** TCP keepalive as in Linux, without probes while a write is pending, because retransmission has its own rules. */
export class KeepAliveProbes {
  private readonly end: ProbedEnd;
  private readonly time: SimulatedTime;
  private readonly settings: KeepAlive;
  private timer: Timer | undefined = undefined;
  private unanswered = 0;
  private heardAt = 0;

  constructor(end: ProbedEnd, time: SimulatedTime, settings: KeepAlive) {
    this.end = end;
    this.time = time;
    this.settings = settings;
  }

  start(): void {
    this.heard();
    this.timer ??= this.planAt(this.time.now + this.settings.idleMs);
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** Notes that a segment has arrived. */
  heard(): void {
    this.heardAt = this.time.now;
    this.unanswered = 0;
  }

  private planAt(atMs: number): Timer {
    return this.time.plan(atMs, () => {
      this.timer = this.due();
    });
  }

  private due(): Timer | undefined {
    const { end, time } = this;
    const { idleMs, intervalMs, count } = this.settings;
    if (!end.isOpen) return undefined;
    if (end.isWritePending) return this.planAt(time.now + idleMs);
    // A rest of a delay, added to the time, can be rounded to nothing. The time would then stand still.
    const idleAt = this.heardAt + idleMs;
    if (this.unanswered === 0 && time.now < idleAt) return this.planAt(idleAt);
    if (this.unanswered >= count) {
      end.breaks(systemError('ETIMEDOUT', `read ETIMEDOUT: ${count} keepalive probes unanswered`));
      return undefined;
    }
    end.sendProbe('keepalive probe');
    this.unanswered += 1;
    return this.planAt(time.now + intervalMs);
  }
}
