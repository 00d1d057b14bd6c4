import { OptionError } from '@headrace/core';
import { checkFunction, describeOptions, value } from '@headrace/core/authoring';
import { type MetricFamily, single } from './metric-family.ts';
import { isMetricName } from './metric-option.ts';

/** Options of {@link metricsOf}. */
export interface MetricsOfOptions {
  /** The fields that can rise and fall, for example `idle` and `leased` of a pool. All other fields only grow. @default none */
  readonly gauges?: readonly string[];
  /** The label for a field that is a record of numbers, such as `closed: { idle: 3 }`. @default 'kind' */
  readonly label?: string;
}

const OPTIONS = describeOptions('metricsOf', {
  gauges: value('an array of names', areNames, { default: [] }),
  label: value('a label name of Prometheus', isLabel, { default: 'kind' }),
});

/**
 * Makes metrics from the numbers of an object, for `ServerMetrics.include`: the counters of a limit, a group, a pool
 * or your own. A field `refusedPerAddress` becomes `NAME_refused_per_address_total`. The name of a gauge has no `_total`. A field
 * in milliseconds, such as `pausedMs`, becomes seconds: `NAME_paused_seconds_total`. Fields that are neither numbers nor records
 * of numbers are left out.
 *
 * @param name - the first part of each metric's name
 * @param read - returns the object, called for each scrape
 * @throws OptionError (OPTION_INVALID) for an unknown option or a `name` that Prometheus does not accept
 *
 * @example
 * ```ts run
 * import { ConnectionLimitHandler, metricsOf, ServerMetrics } from '@headrace/handlers';
 *
 * const limit = new ConnectionLimitHandler({ total: 1000 });
 * const metrics = new ServerMetrics().include(metricsOf('headrace_limit', () => limit.counters));
 * console.log(metrics.text().includes('headrace_limit_refused_per_address_total 0'));
 * // prints true
 * ```
 */
export function metricsOf(
  name: string,
  read: () => object,
  options: MetricsOfOptions = {},
): () => MetricFamily[] {
  const { gauges: names, label } = OPTIONS.resolve(options);
  if (!isMetricName(name)) {
    throw new OptionError('OPTION_INVALID', `"${name}" is not a metric name for Prometheus`, {
      name,
    });
  }
  const numbers = checkFunction('read', read, {
    answers: 'sync',
    takes: 0,
    purpose: 'returns the numbers',
  });
  const gauges = new Set(names);
  return () =>
    Object.entries(numbers()).flatMap(([field, value]: [string, unknown]) =>
      familiesOf(name, field, value, gauges.has(field), label),
    );
}

function areNames(names: unknown): boolean {
  return Array.isArray(names) && names.every((one) => typeof one === 'string');
}

function isLabel(label: unknown): boolean {
  return typeof label === 'string' && /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label);
}

function familiesOf(
  name: string,
  field: string,
  value: unknown,
  isGauge: boolean,
  label: string,
): MetricFamily[] {
  const isTime = field.endsWith('Ms');
  const full = `${name}_${metricName(isTime ? `${field.slice(0, -2)}Seconds` : field, isGauge)}`;
  const type = isGauge ? 'gauge' : 'counter';
  const help = `${field} of ${name}.`;
  const scale = isTime ? 1000 : 1;
  if (typeof value === 'number') return [single(type, full, help, value / scale)];
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  const samples = entries
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([kind, number]) => ({ labels: { [label]: kind }, value: number / scale }));
  // A metric without events so far has no samples, but is listed.
  return samples.length < entries.length ? [] : [{ name: full, help, type, samples }];
}

/** Returns the metric name of a field: `refusedPerAddress` becomes `refused_per_address_total`. */
function metricName(field: string, isGauge: boolean): string {
  const words = field
    .replaceAll(/[^a-zA-Z0-9]+/g, '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
  return isGauge || words.endsWith('_total') ? words : `${words}_total`;
}
