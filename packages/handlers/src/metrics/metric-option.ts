import { value } from '@headrace/core/authoring';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

export function isMetricName(name: unknown): boolean {
  return typeof name === 'string' && METRIC_NAME.test(name);
}

/** The first part of every metric's name. One that is none must fail where it is given, not when somebody scrapes. */
export const METRIC_PREFIX = value('a metric name of Prometheus', isMetricName, {
  default: 'headrace',
});

/** Upper bounds of the buckets of a histogram. */
export function buckets(standard: readonly number[]) {
  return value('an array of ascending numbers', isAscending, { default: standard });
}

function isAscending(bounds: readonly number[]): boolean {
  if (!Array.isArray(bounds)) return false;
  return bounds.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!));
}
