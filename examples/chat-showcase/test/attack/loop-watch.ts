import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What a {@link LoopWatch} has seen since it was last reset. */
export interface LoopReport {
  /** The longest time that the loop was busy in one go: what all other connections had to wait. */
  readonly longestMs: number;
}

const RESOLUTION_MS = 1;

/**
 * Watches this process's event loop. A pause counts as what it took of the processor, but no longer than it was, nor
 * than `monitorEventLoopDelay` has seen one: so neither other programs of a busy machine count, nor threads that work
 * beside the loop.
 */
export class LoopWatch {
  private readonly delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private longestMs = 0;
  private lastAt = performance.now();
  private lastCpuMs = cpuMs();

  constructor() {
    this.delays.enable();
    setInterval(() => this.tick(), RESOLUTION_MS).unref();
  }

  reset(): void {
    this.tick();
    this.delays.reset();
    this.longestMs = 0;
  }

  report(): LoopReport {
    this.tick();
    return { longestMs: Math.min(this.longestMs, this.delays.max / 1e6) };
  }

  private tick(): void {
    const at = performance.now();
    const cpu = cpuMs();
    this.longestMs = Math.max(this.longestMs, Math.min(at - this.lastAt, cpu - this.lastCpuMs));
    this.lastAt = at;
    this.lastCpuMs = cpu;
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
