import { value } from '@headrace/core/authoring';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function isMetricName(name: unknown): boolean {
  return typeof name === 'string' && METRIC_NAME.test(name);
}

/** The first part of each metric's name. An invalid name must fail when it is set, and not at the first scrape. */
export const METRIC_PREFIX = value('a metric name of Prometheus', isMetricName, {
  default: 'headrace',
});

/** Describes an option with the upper bounds of a histogram's buckets. */
export function buckets(standard: readonly number[]) {
  return value('an array of ascending numbers', isAscending, { default: standard });
}

function isAscending(bounds: readonly number[]): boolean {
  if (!Array.isArray(bounds)) return false;
  return bounds.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!));
}
