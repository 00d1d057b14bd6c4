import type { MetricFamily, MetricSample } from './metric-family.ts';

/** Counts values by size, in buckets with fixed upper bounds. */
export class Histogram {
  private readonly bounds: readonly number[];
  private readonly counts: number[];
  private sum = 0;
  private count = 0;

  /** @param bounds - the upper bounds of the buckets, ascending. A bucket for higher values is added */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  /** Counts a value in the first bucket whose upper bound is not below it. */
  record(value: number): void {
    this.count += 1;
    this.sum += value;
    const index = this.bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.counts[index]! += 1;
  }

  /** Returns the family of this histogram alone, without labels of its own. */
  family(name: string, help: string): MetricFamily {
    return { name, help, type: 'histogram', samples: this.samples({}) };
  }

  /** Returns the samples of one histogram of a family. Its labels distinguish it from other histograms. */
  samples(labels: Readonly<Record<string, string>>): MetricSample[] {
    let below = 0;
    const samples: MetricSample[] = this.bounds.map((bound, index) => {
      below += this.counts[index]!;
      return { labels: { ...labels, le: String(bound) }, value: below, suffix: '_bucket' };
    });
    samples.push(
      { labels: { ...labels, le: '+Inf' }, value: this.count, suffix: '_bucket' },
      { labels, value: this.sum, suffix: '_sum' },
      { labels, value: this.count, suffix: '_count' },
    );
    return samples;
  }
}
