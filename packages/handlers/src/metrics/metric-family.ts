/** One measured value, with the labels that identify it in its family. */
export interface MetricSample {
  /** Names and values of the labels; none for a family with one value. */
  readonly labels: Readonly<Record<string, string>>;
  /** The number that was measured. */
  readonly value: number;
  /** `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: string;
}

/** Values of one name. A counter only grows; a gauge goes up and down. */
export interface MetricFamily {
  /** The name of the metric. */
  readonly name: string;
  /** A sentence that explains the metric. */
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** The values, one for each combination of labels. */
  readonly samples: readonly MetricSample[];
}

/** A family with a single value. */
export function single(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  value: number,
): MetricFamily {
  return { name, help, type, samples: [{ labels: {}, value }] };
}
