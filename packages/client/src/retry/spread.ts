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
  /**
   * Maximum length of a window while connects are refused at once, because the server is not there. After the outage, the clients
   * reconnect within a window of this length: 5,000 clients with 1,000 connects in each second. Give a fleet whose server accepts
   * fewer connections in a second a longer time.
   * @default 5000
   */
  readonly maxRefusedMs?: number;
}

const OPTIONS = describeOptions('spread', {
  firstMs: number({ min: 10, max: Number.MAX_SAFE_INTEGER, default: 2000 }),
  factor: number({ min: 1, max: 100, default: 2 }),
  maxMs: number({ max: Number.MAX_SAFE_INTEGER, default: 30_000 }),
  maxRefusedMs: number({ min: 10, max: Number.MAX_SAFE_INTEGER, default: 5000 }),
});
/** Tolerance for a timer that fires a little early, so that the same window is not used twice. */
const EARLY_MS = 5;

/**
 * Returns a policy with one try in each window. The windows follow each other without a gap from the loss on. They have 2, 4, 5,
 * 5 … seconds while connects are refused at once, and 2, 4, 8, 16, 30, 30 … seconds after tries that cost a server work, such as a
 * connection that was accepted and lost, or a connect that took more than a second. A client tries at the same share of each window, its phase. Clients that lost their server together reconnect
 * evenly. After an outage that ends at share `p` of a window, the busiest second has at most `1 + p` times the mean. With jitter
 * around growing waits, the busiest second has many times the mean. Decision 0040 contains the proof.
 *
 * If a try takes longer than its window, the next try is in the next window whose moment has not passed.
 */
export function spread(options: SpreadOptions = {}): RetryPolicy {
  const { firstMs, factor, maxMs, maxRefusedMs } = OPTIONS.resolve(options);
  checkNumber('maxMs', maxMs, { min: firstMs, max: Number.MAX_SAFE_INTEGER });
  const refusedMs = Math.min(maxMs, Math.max(firstMs, maxRefusedMs));
  return (attempt, { elapsedMs, phase, isRefused = false }) => {
    const longestMs = isRefused ? refusedMs : maxMs;
    const earliestMs = attempt === 1 ? elapsedMs : elapsedMs + EARLY_MS;
    let beginMs = 0;
    let lengthMs = firstMs;
    while (lengthMs < longestMs && beginMs + phase * lengthMs < earliestMs) {
      beginMs += lengthMs;
      lengthMs = Math.min(longestMs, lengthMs * factor);
      // A factor of 1 never reaches the longest window.
      if (factor === 1) break;
    }
    // All further windows have the same length, so the loop ends even after an absence of days.
    const missedMs = earliestMs - (beginMs + phase * lengthMs);
    if (missedMs > 0) beginMs += Math.ceil(missedMs / lengthMs) * lengthMs;
    return beginMs + phase * lengthMs - elapsedMs;
  };
}
