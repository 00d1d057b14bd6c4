import { checkNumber, describeOptions, number, type RetryPolicy } from '@headrace/core/authoring';

/** Options of {@link spread}. */
export interface SpreadOptions {
  /** Length of the first window, which begins with the loss. @default 2000 */
  readonly firstMs?: number;
  /**
   * Factor by which each window is longer than the previous window. If the outage ends at share `p` of a window, the busiest
   * second has at most `1 + (factor - 1) · p` times the mean of reconnects.
   * @default 2
   */
  readonly factor?: number;
  /** Maximum length of a window. @default 30000 */
  readonly maxMs?: number;
}

const OPTIONS = describeOptions('spread', {
  firstMs: number({ min: 10, max: Number.MAX_SAFE_INTEGER, default: 2000 }),
  factor: number({ min: 1, max: 100, default: 2 }),
  maxMs: number({ max: Number.MAX_SAFE_INTEGER, default: 30_000 }),
});
/** Tolerance for a timer that fires a little early, so that the same window is not used twice. */
const EARLY_MS = 5;

/**
 * Returns a policy with one try in each window. The windows of 2, 4, 8, 16, 30, 30 … seconds follow each other without a gap from
 * the loss on. A client tries at the same share of each window, its phase. Clients that lost their server together reconnect
 * evenly. After an outage that ends at share `p` of a window, the busiest second has at most `1 + p` times the mean. With jitter
 * around growing waits, the busiest second has many times the mean. Decision 0040 contains the proof.
 *
 * If a try takes longer than its window, the next try is in the next window whose moment has not passed.
 */
export function spread(options: SpreadOptions = {}): RetryPolicy {
  const { firstMs, factor, maxMs } = OPTIONS.resolve(options);
  checkNumber('maxMs', maxMs, { min: firstMs, max: Number.MAX_SAFE_INTEGER });
  return (attempt, { elapsedMs, phase }) => {
    const earliestMs = attempt === 1 ? elapsedMs : elapsedMs + EARLY_MS;
    let beginMs = 0;
    let lengthMs = firstMs;
    while (lengthMs < maxMs && beginMs + phase * lengthMs < earliestMs) {
      beginMs += lengthMs;
      lengthMs = Math.min(maxMs, lengthMs * factor);
      // A factor of 1 never reaches the longest window.
      if (factor === 1) break;
    }
    // All further windows have the same length, so the loop ends even after an absence of days.
    const missedMs = earliestMs - (beginMs + phase * lengthMs);
    if (missedMs > 0) beginMs += Math.ceil(missedMs / lengthMs) * lengthMs;
    return beginMs + phase * lengthMs - elapsedMs;
  };
}
