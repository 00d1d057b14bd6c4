import { checkNumber, checkTime, type KnownOptions } from '@headrace/core/authoring';

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

export const TRAFFIC_DEFAULTS = {
  readBytesPerSecond: Number.POSITIVE_INFINITY,
  writeBytesPerSecond: Number.POSITIVE_INFINITY,
  checkIntervalMs: 1000,
  maxWaitMs: 15_000,
} as const;

export const LIMIT_OPTIONS: KnownOptions<TrafficLimits> = {
  readBytesPerSecond: true,
  writeBytesPerSecond: true,
  checkIntervalMs: true,
  maxWaitMs: true,
};

/** The limits with their defaults, checked. */
export function resolveLimits(limits: TrafficLimits): Required<TrafficLimits> {
  const all = { ...TRAFFIC_DEFAULTS, ...limits };
  const { readBytesPerSecond, writeBytesPerSecond, checkIntervalMs, maxWaitMs } = all;
  checkNumber('readBytesPerSecond', readBytesPerSecond, { min: 1 });
  checkNumber('writeBytesPerSecond', writeBytesPerSecond, { min: 1 });
  checkTime('checkIntervalMs', checkIntervalMs);
  checkTime('maxWaitMs', maxWaitMs);
  return { readBytesPerSecond, writeBytesPerSecond, checkIntervalMs, maxWaitMs };
}
