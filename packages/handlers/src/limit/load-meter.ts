import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** How busy this process is. */
export interface Load {
  /** The share of the heap's limit that is in use, from 0 to 1. */
  readonly heapShare: number;
  /** How late the event loop was, in milliseconds, for all but one percent of the time. */
  readonly loopDelayMs: number;
}

const RESOLUTION_MS = 10;

/** Measures the load of this process; each reading is about the time since the one before. */
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
    // The histogram measures from timer to timer: an idle loop shows the resolution itself.
    const delayMs = this.histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    this.histogram.reset();
    return { heapShare: used / limit, loopDelayMs: Math.max(0, delayMs) };
  }
}
