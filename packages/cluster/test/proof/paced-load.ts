import { threadMs } from './thread-time.ts';

/** Calls back with a number, and with how long this process worked since it called back last, in milliseconds. */
export type PacedWrite = (number: number, busyMs: number) => void;

/**
 * Calls back at even times, so many in a second; what was due while the process stood still comes late. How late is told
 * as CPU time: what other processes take of a busy machine does not count, what blocks this one does.
 */
export class PacedLoad {
  private readonly everyMs: number;
  private readonly write: PacedWrite;
  private timer: NodeJS.Timeout | undefined = undefined;
  private beganAt = 0;
  private usedMs = 0;
  private count = 0;
  written = 0;

  constructor(perSecond: number, write: PacedWrite) {
    this.everyMs = 1000 / perSecond;
    this.write = write;
  }

  start(): void {
    this.beganAt = performance.now();
    this.count = 0;
    this.usedMs = threadMs();
    this.next();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** What the process has done up to here does not count. */
  forgive(): void {
    this.usedMs = threadMs();
  }

  private next(): void {
    const dueAt = this.beganAt + (this.count + 1) * this.everyMs;
    this.timer = setTimeout(() => this.due(), Math.max(0, dueAt - performance.now()));
  }

  private due(): void {
    const now = performance.now();
    const usedMs = threadMs();
    const busyMs = usedMs - this.usedMs;
    this.usedMs = usedMs;
    for (;;) {
      const dueAt = this.beganAt + (this.count + 1) * this.everyMs;
      if (dueAt > now) break;
      this.count += 1;
      this.written += 1;
      this.write(this.written, busyMs);
    }
    this.next();
  }
}
