import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What a {@link LoopWatch} has seen since it was last reset. */
export interface LoopReport {
  /** The longest time that the loop was busy in one go: what all other connections had to wait. */
  readonly longestMs: number;
  /** The longest delay as `monitorEventLoopDelay` sees it; other programs on the machine count. */
  readonly longestDelayMs: number;
  readonly cpuMs: number;
}

/**
 * Watches this process's event loop. A pause counts as what it took of the processor, but no longer than it was:
 * so neither other programs of a busy machine count, nor threads that work beside the loop.
 */
export class LoopWatch {
  private readonly delays = monitorEventLoopDelay({ resolution: 1 });
  private longestMs = 0;
  private cpuAtReset = cpuMs();
  private lastAt = performance.now();
  private lastCpuMs = cpuMs();

  constructor() {
    this.delays.enable();
    setInterval(() => this.tick(), 1).unref();
  }

  reset(): void {
    this.tick();
    this.delays.reset();
    this.longestMs = 0;
    this.cpuAtReset = cpuMs();
  }

  report(): LoopReport {
    this.tick();
    return {
      longestMs: this.longestMs,
      longestDelayMs: this.delays.max / 1e6,
      cpuMs: cpuMs() - this.cpuAtReset,
    };
  }

  private tick(): void {
    const at = performance.now();
    const cpu = cpuMs();
    const busyMs = Math.min(at - this.lastAt, cpu - this.lastCpuMs);
    this.longestMs = Math.max(this.longestMs, busyMs);
    this.lastAt = at;
    this.lastCpuMs = cpu;
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
