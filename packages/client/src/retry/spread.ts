import { checkNumber, describeOptions, number, type RetryPolicy } from '@headrace/core/authoring';

/** Options of {@link spread}. */
export interface SpreadOptions {
  /** The length of the first window, which begins with the loss. @default 2000 */
  readonly firstMs?: number;
  /**
   * The factor by which each window is longer than the one before it. With `p` the share of a window at which the outage ends,
   * the busiest second of the return has at most `1 + (factor - 1) · p` times the mean.
   * @default 2
   */
  readonly factor?: number;
  /** The length of the longest window. @default 30000 */
  readonly maxMs?: number;
}

const OPTIONS = describeOptions('spread', {
  firstMs: number({ min: 10, max: Number.MAX_SAFE_INTEGER, default: 2000 }),
  factor: number({ min: 1, max: 100, default: 2 }),
  maxMs: number({ max: Number.MAX_SAFE_INTEGER, default: 30_000 }),
});
/** A timer may come a little early by the clock; that is not yet a new window. */
const EARLY_MS = 5;

/**
 * One try in each of the windows of 2, 4, 8, 16, 30, 30 … seconds that lie back to back from the loss on, always
 * at the same share of the window, the client's phase. Clients that lost their server together come back evenly:
 * after an outage that ends at share `p` of a window the busiest second has at most `1 + p` times the mean, where
 * jitter around growing waits has many times of it. The proof is decision 0040.
 *
 * A try that takes longer than its window is followed by the next window whose moment is still to come.
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
    // From here on all windows are equally long: no walk through an absence of days.
    const missedMs = earliestMs - (beginMs + phase * lengthMs);
    if (missedMs > 0) beginMs += Math.ceil(missedMs / lengthMs) * lengthMs;
    return beginMs + phase * lengthMs - elapsedMs;
  };
}
