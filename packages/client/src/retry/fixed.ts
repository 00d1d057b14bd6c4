import { checkNumber, describeOptions, type RetryPolicy, whole } from '@headrace/core/authoring';

/** Options of {@link fixed}. */
export interface FixedOptions {
  /** Rounds through the places without success until it gives up. @default Infinity */
  readonly attempts?: number;
}

const OPTIONS = describeOptions('fixed', {
  attempts: whole({ min: 1, default: Number.POSITIVE_INFINITY }),
});

/**
 * The first round at once, then one every `ms` after the last has failed. For a few clients: many that lose their
 * server together come back together, see {@link spread}.
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
