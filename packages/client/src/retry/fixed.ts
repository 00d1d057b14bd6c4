import { checkNumber, describeOptions, type RetryPolicy, whole } from '@headrace/core/authoring';

/** Options of {@link fixed}. */
export interface FixedOptions {
  /** Number of unsuccessful rounds through the places after which the client gives up. @default Infinity */
  readonly attempts?: number;
}

const OPTIONS = describeOptions('fixed', {
  attempts: whole({ min: 1, default: Number.POSITIVE_INFINITY }),
});

/**
 * Returns a policy that starts the first round at once, and each further round `ms` after the last round has failed. Use this
 * policy only for few clients, because many clients that lose their server together also reconnect together, see {@link spread}.
 *
 * @param ms - time between two rounds, in milliseconds
 */
export function fixed(ms: number, options: FixedOptions = {}): RetryPolicy {
  checkNumber('ms', ms, { max: Number.MAX_SAFE_INTEGER });
  const { attempts } = OPTIONS.resolve(options);
  return (attempt) => {
    if (attempt > attempts) return undefined;
    return attempt === 1 ? 0 : ms;
  };
}
