import type { Meter, Observable } from '@opentelemetry/api';
import type { MetricFamily } from '../metrics/metric-family.ts';
import type { ServerMetrics } from '../metrics/server-metrics.ts';

/**
 * Lets OpenTelemetry collect the numbers of a `ServerMetrics`: counters and gauges under their names, of
 * histograms the sum and the count. Families that are included later are not seen.
 *
 * @returns a function that ends it
 */
export function observeMetrics(meter: Meter, metrics: ServerMetrics): () => void {
  const instruments = new Map<string, Observable>();
  for (const { name, type, help } of metrics.families().flatMap(flattened)) {
    const options = { description: help };
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

/** A histogram as two counters; the suffix `_total` belongs to Prometheus. */
function flattened(family: MetricFamily): MetricFamily[] {
  const name = family.name.replace(/_total$/, '');
  if (family.type !== 'histogram') return [{ ...family, name }];
  return ['_sum', '_count'].map((suffix) => ({
    ...family,
    name: `${name}${suffix}`,
    type: 'counter',
    samples: family.samples.filter((sample) => sample.suffix === suffix),
  }));
}
