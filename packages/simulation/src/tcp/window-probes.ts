import type { Timer } from '@headrace/core';
import type { SimulatedTime } from '../simulated-time.ts';

/** The connection whose window is probed. */
export interface WindowedEnd {
  /** Whether the window is closed, and no acknowledgement is expected that could open it. */
  readonly isShutOut: boolean;
  sendWindowProbe(): void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 120_000;

/**
 * TCP's persist timer. A sender probes a closed window at growing intervals. Without the probes, the sender would not detect
 * that the receiver is gone.
 *
 * @see RFC 9293, 3.8.6.1
 */
export class WindowProbes {
  private readonly end: WindowedEnd;
  private readonly time: SimulatedTime;
  private timer: Timer | undefined = undefined;
  private pauseMs = FIRST_PAUSE_MS;

  constructor(end: WindowedEnd, time: SimulatedTime) {
    this.end = end;
    this.time = time;
  }

  /** Starts or stops the timer after bytes were sent or acknowledged. */
  look(): void {
    if (!this.end.isShutOut) this.stop();
    else this.timer ??= this.time.plan(this.time.now + this.pauseMs, () => this.due());
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.pauseMs = FIRST_PAUSE_MS;
  }

  private due(): void {
    this.timer = undefined;
    if (!this.end.isShutOut) return;
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    this.end.sendWindowProbe();
    this.look();
  }
}
