import { checkNumber, describeOptions, type RetryPolicy, whole } from '@headrace/core/authoring';

/** Options of {@link fixed}. */
export interface FixedOptions {
  /** The number of rounds through the places without success after which it gives up. @default Infinity */
  readonly attempts?: number;
}

const OPTIONS = describeOptions('fixed', {
  attempts: whole({ min: 1, default: Number.POSITIVE_INFINITY }),
});

/**
 * Starts the first round at once, and each further one `ms` after the last has failed. Use it for a few clients only: many
 * clients that lose their server together also come back together, see {@link spread}.
 *
 * @param ms - between two rounds, in milliseconds
 */
export function fixed(ms: number, options: FixedOptions = {}): RetryPolicy {
  checkNumber('ms', ms, { max: Number.MAX_SAFE_INTEGER });
  const { attempts } = OPTIONS.resolve(options);
  return (attempt) => {
    if (attempt > attempts) return undefined;
    return attempt === 1 ? 0 : ms;
  };
}
