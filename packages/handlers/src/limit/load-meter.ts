import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** The load of this process. */
export interface Load {
  /** The used share of the heap's limit, from 0 to 1. */
  readonly heapShare: number;
  /** The 99th percentile of the delay of the event loop, in milliseconds. */
  readonly loopDelayMs: number;
}

const RESOLUTION_MS = 10;

/** Measures the load of this process. Each reading covers the time since the previous reading. */
export class LoadMeter {
  private readonly histogram: IntervalHistogram = monitorEventLoopDelay({
    resolution: RESOLUTION_MS,
  });

  start(): void {
    this.histogram.enable();
  }

  stop(): void {
    this.histogram.disable();
  }

  read(): Load {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    // The histogram measures from timer to timer, so an idle loop shows the resolution itself.
    const delayMs = this.histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    this.histogram.reset();
    return { heapShare: used / limit, loopDelayMs: Math.max(0, delayMs) };
  }
}
