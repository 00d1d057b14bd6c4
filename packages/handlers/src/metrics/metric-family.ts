/** One measured value, with the labels that identify it in its family. */
export interface MetricSample {
  /** The names and values of the labels. A family with one value has none. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** The suffix of a histogram's sample: `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string;
}

/** The values of one metric name. A counter only grows. A gauge can rise and fall. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** The values, one for each combination of labels. */
  readonly samples: readonly MetricSample[];
}

/** Returns a family with a single value. */
export function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: number,
): MetricFamily {
  return { name, help, type, samples: [{ labels: {}, value }] };
}
