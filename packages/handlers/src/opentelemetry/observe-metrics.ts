import type { Meter, Observable } from '@opentelemetry/api';
import type { MetricFamily } from '../metrics/metric-family.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';

/** A metric family in OpenTelemetry's form: the unit is not part of the name. */
interface Instrument extends MetricFamily {
  readonly unit: string;
}

const UNITS: Readonly<Record<string, string>> = { bytes: 'By', seconds: 's' };

/**
 * Lets OpenTelemetry collect the numbers of a `ServerMetrics`: counters, gauges, and the sum and count of histograms. The names
 * change: `headrace_read_bytes_total` becomes the counter `headrace.read` with the unit `By`. The first part is the namespace,
 * the unit is a field, and `_total` belongs to Prometheus. A collector that serves Prometheus restores all three. Families that
 * are included later are not observed.
 *
 * @returns a function that ends the collection
 */
export function observeMetrics(meter: Meter, metrics: ServerMetrics): () => void {
  const instruments = new Map<string, Observable>();
  for (const { name, type, help, unit } of metrics.families().flatMap(flattened)) {
    const options = { description: help, unit };
    const made =
      type === 'gauge'
        ? meter.createObservableGauge(name, options)
        : meter.createObservableCounter(name, options);
    instruments.set(name, made);
  }
  const all = [...instruments.values()];
  const collect: Parameters<Meter['addBatchObservableCallback']>[0] = (result) => {
    for (const { name, samples } of metrics.families().flatMap(flattened)) {
      const instrument = instruments.get(name);
      if (instrument === undefined) continue;
      for (const { value, labels } of samples) result.observe(instrument, value, labels);
    }
  };
  meter.addBatchObservableCallback(collect, all);
  return () => meter.removeBatchObservableCallback(collect, all);
}

/** Splits a histogram into two counters. */
function flattened(family: MetricFamily): Instrument[] {
  const [, bare = '', unitName] = /^(.*?)(?:_(bytes|seconds))?(?:_total)?$/.exec(family.name) ?? [];
  const name = bare.replace('_', '.');
  const unit = UNITS[unitName ?? ''] ?? '';
  if (family.type !== 'histogram') return [{ ...family, name, unit }];
  return ['sum', 'count'].map((part) => ({
    ...family,
    name: `${name}.${part}`,
    unit: part === 'sum' ? unit : '',
    type: 'counter',
    samples: family.samples.filter(({ suffix }) => suffix === `_${part}`),
  }));
}
