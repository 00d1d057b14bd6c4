import { describeOptions, number, type Resolved, time } from '@headrace/core/authoring';

/** The limits of a {@link TrafficShapingHandler} or a {@link GlobalTraffic}. */
export interface TrafficLimits {
  /** Maximum read rate, in bytes per second. `Infinity` means no limit. @default Infinity */
  readonly readBytesPerSecond?: number;
  /** Maximum write rate, in bytes per second. `Infinity` means no limit. @default Infinity */
  readonly writeBytesPerSecond?: number;
  /**
   * Length of an interval of the counter, in milliseconds. Unused time counts as credit only within an interval.
   * @default 1000
   */
  readonly checkIntervalMs?: number;
  /** Maximum length of a single wait, in milliseconds. @default 15000 */
  readonly maxWaitMs?: number;
}

const rate = { min: 1, default: Number.POSITIVE_INFINITY } as const;

export const LIMIT_OPTIONS = describeOptions('limits', {
  readBytesPerSecond: number(rate),
  writeBytesPerSecond: number(rate),
  checkIntervalMs: time({ default: 1000 }),
  maxWaitMs: time({ default: 15_000 }),
});

/** {@link TrafficLimits} after the check. */
export type ResolvedLimits = Resolved<TrafficLimits, typeof LIMIT_OPTIONS.kinds>;
