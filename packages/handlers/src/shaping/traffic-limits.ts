import { describeOptions, number, type Resolved, time } from '@headrace/core/authoring';

/** The limits of a {@link TrafficShapingHandler} or a {@link GlobalTraffic}. */
export interface TrafficLimits {
  /** `Infinity` for no limit. @default Infinity */
  readonly readBytesPerSecond?: number;
  /** `Infinity` for no limit. @default Infinity */
  readonly writeBytesPerSecond?: number;
  /** How long unused time counts as credit, and the interval of the counter. @default 1000 */
  readonly checkIntervalMs?: number;
  /** No single wait is longer. @default 15000 */
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
