import type { Clock } from '@headrace/core';
import { CLOCK, describeOptions } from '@headrace/core/authoring';
import type { MetricFamily, MetricSample } from '@headrace/handlers';
import { buckets, Histogram, METRIC_PREFIX } from '@headrace/handlers/metrics';
import { type CallOutcome, type CallWatcher, clockOf, watchedCall } from './call-outcome.ts';

/** Options of a {@link CallMetrics}. */
export interface CallMetricsOptions {
  /** First part of every metric's name. @default 'headrace' */
  readonly prefix?: string;
  /** Upper bounds of the buckets for the duration of calls, in seconds. @default 0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10 */
  readonly durationBucketsSeconds?: readonly number[];
  /** Clock of the client. A server uses the clock of its channel. @default systemClock */
  readonly clock?: Clock;
}

const OPTIONS = describeOptions('CallMetrics', {
  prefix: METRIC_PREFIX,
  durationBucketsSeconds: buckets([0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10]),
  clock: CLOCK,
});

interface MethodCounts {
  readonly labels: { readonly service: string; readonly method: string };
  readonly durations: Histogram;
  readonly outcomes: Map<CallOutcome, number>;
  underWay: number;
}

/**
 * Metrics of the calls of services, at either end: their number, outcomes and durations, and the number of calls under way. The
 * labels are the names of services and methods, and a few outcomes. A peer's texts never become labels. Use the metrics with
 * `ServerMetrics.include`.
 *
 * @example
 * ```ts check
 * import { ServerMetrics } from '@headrace/handlers';
 * import { CallMetrics } from '@headrace/rpc';
 *
 * const calls = new CallMetrics();
 * const ofServer = { interceptors: [calls.interceptor] };
 * const metrics = new ServerMetrics().include(() => calls.families());
 * ```
 */
export class CallMetrics {
  private readonly prefix: string;
  private readonly bounds: readonly number[];
  private readonly clock: Clock;
  private readonly methods = new Map<string, MethodCounts>();

  constructor(options: CallMetricsOptions = {}) {
    const { prefix, durationBucketsSeconds, clock } = OPTIONS.resolve(options);
    this.prefix = prefix;
    this.bounds = durationBucketsSeconds;
    this.clock = clock;
  }

  /** Interceptor for `serve` or `clientOf`. */
  readonly interceptor: CallWatcher = (call, next) => {
    const counts = this.countsOf(call.service, call.method);
    const clock = clockOf(call, this.clock);
    const begunAt = clock.now();
    counts.underWay += 1;
    return watchedCall(call, next, (outcome) => {
      counts.underWay -= 1;
      counts.outcomes.set(outcome, (counts.outcomes.get(outcome) ?? 0) + 1);
      counts.durations.record((clock.now() - begunAt) / 1000);
    });
  };

  /** Returns the metrics of all methods that were called. */
  families(): MetricFamily[] {
    const { prefix } = this;
    const all = [...this.methods.values()];
    const samplesOf = (of: (counts: MethodCounts) => MetricSample[]) => all.flatMap(of);
    return [
      {
        name: `${prefix}_calls_total`,
        help: 'Calls of services that ended, by outcome.',
        type: 'counter',
        samples: samplesOf(({ labels, outcomes }) =>
          [...outcomes].map(([outcome, value]) => ({ labels: { ...labels, outcome }, value })),
        ),
      },
      {
        name: `${prefix}_calls_under_way`,
        help: 'Calls and streams of services under way.',
        type: 'gauge',
        samples: samplesOf(({ labels, underWay }) => [{ labels, value: underWay }]),
      },
      {
        name: `${prefix}_call_duration_seconds`,
        help: 'How long calls of services took.',
        type: 'histogram',
        samples: samplesOf(({ labels, durations }) => durations.samples(labels)),
      },
    ];
  }

  private countsOf(service: string, method: string): MethodCounts {
    const name = `${service}.${method}`;
    let counts = this.methods.get(name);
    if (counts === undefined) {
      const labels = { service, method };
      const durations = new Histogram(this.bounds);
      counts = { labels, durations, outcomes: new Map(), underWay: 0 };
      this.methods.set(name, counts);
    }
    return counts;
  }
}
