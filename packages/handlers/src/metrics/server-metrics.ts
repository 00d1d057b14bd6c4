import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Channel, CloseInfo } from '@headrace/core';
import { describeOptions, object, time } from '@headrace/core/authoring';
import type { ChannelMetrics } from './channel-metrics.ts';
import { closeCategory } from './close-category.ts';
import { Histogram } from './histogram.ts';
import { type MetricFamily, type MetricSample, single } from './metric-family.ts';
import { buckets, METRIC_PREFIX } from './metric-option.ts';
import { prometheusText } from './prometheus-text.ts';

/** Options of a {@link ServerMetrics}. */
export interface ServerMetricsOptions {
  /** The first part of every metric's name. @default 'headrace' */
  readonly prefix?: string;
  /** Labels that are added to every sample. @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** Upper bounds of the buckets for the duration of connections. @default 1, 10, 60, 600, 3600, 86400 */
  readonly durationBucketsSeconds?: readonly number[];
  /**
   * Resolution of the measured delay of the event loop, in milliseconds. With `false`, the delay is not measured.
   * @default false
   */
  readonly eventLoopResolutionMs?: number | false;
}

const OPTIONS = describeOptions('ServerMetrics', {
  prefix: METRIC_PREFIX,
  labels: object('labels with their values', { default: {} }),
  durationBucketsSeconds: buckets([1, 10, 60, 600, 3600, 86_400]),
  eventLoopResolutionMs: time({ default: false }),
});

/** Maximum number of close reasons that become labels, because handlers can use reasons of their own. */
const MAX_REASONS = 64;
/** Maximum number of error codes that become labels, because errors of an application can have any code. */
const MAX_CODES = 64;
const MAX_CODE_LENGTH = 64;
const NANOS = 1e9;

/** A number of a channel's metrics that is summed over all channels. */
export type ChannelTotal = Exclude<keyof ChannelMetrics, 'openedAt'>;

const TOTALS: readonly (readonly [ChannelTotal, string, string])[] = [
  ['bytesRead', 'read_bytes_total', 'Bytes read.'],
  ['bytesWritten', 'written_bytes_total', 'Bytes written.'],
  ['messagesRead', 'read_messages_total', 'Messages read, or reads of the transport.'],
  ['messagesWritten', 'written_messages_total', 'Messages written.'],
  ['writesFailed', 'failed_writes_total', 'Writes that failed.'],
  ['errors', 'errors_total', 'Errors that passed the pipelines.'],
  ['timesUnwritable', 'unwritable_total', 'How often channels became unwritable.'],
];

/**
 * The numbers of a server, or of all connections of a client. The `MetricsHandler` of each channel counts them. You read them as
 * metric families or as text for Prometheus.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { MetricsHandler, ServerMetrics } from '@headrace/handlers';
 *
 * const metrics = new ServerMetrics();
 * const channel = new EmbeddedChannel(new MetricsHandler({ metrics }));
 * channel.writeInbound(Buffer.from('hello'));
 * channel.close('idle');
 * console.log(metrics.total('bytesRead'), metrics.closed.get('idle'));
 * // prints 5 1
 * console.log(metrics.text().includes('headrace_read_bytes_total 5'));
 * // prints true
 * ```
 */
export class ServerMetrics implements Disposable {
  private readonly prefix: string;
  private readonly labels: Readonly<Record<string, string>>;
  private readonly durations: Histogram;
  private readonly eventLoop: IntervalHistogram | undefined;
  private readonly totals = new Map<ChannelTotal, number>(TOTALS.map(([key]) => [key, 0]));
  private readonly channels = new Set<Channel>();
  private readonly closedBy = new Map<string, { readonly info: CloseInfo; count: number }>();
  private readonly sources: (() => Iterable<MetricFamily>)[] = [];
  private readonly codes = new Map<string, number>();
  /** The errors that are counted, because an error that passes a pipeline can also close its channel. */
  private readonly countedErrors = new WeakSet<Error>();
  private openedCount = 0;

  constructor(options: ServerMetricsOptions = {}) {
    const resolved = OPTIONS.resolve(options);
    const { eventLoopResolutionMs: resolution } = resolved;
    this.prefix = resolved.prefix;
    this.labels = resolved.labels;
    this.durations = new Histogram(resolved.durationBucketsSeconds);
    if (resolution !== Number.POSITIVE_INFINITY) {
      this.eventLoop = monitorEventLoopDelay({ resolution });
      this.eventLoop.enable();
    }
  }

  /** Number of connections so far. */
  get opened(): number {
    return this.openedCount;
  }

  get open(): number {
    return this.channels.size;
  }

  /** The open channels, the oldest first. Channels can open and close during an iteration. */
  get openChannels(): ReadonlySet<Channel> {
    return this.channels;
  }

  /**
   * Number of errors for each code: errors that passed a `MetricsHandler`, and errors that closed a channel. Each error counts
   * once. An error without a code counts under its name. Further codes than 64 count as `other`.
   */
  get errorsByCode(): ReadonlyMap<string, number> {
    return this.codes;
  }

  /** Number of closed connections for each reason. */
  get closed(): ReadonlyMap<string, number> {
    const closed = new Map<string, number>();
    for (const { info, count } of this.closedBy.values()) {
      closed.set(info.reason, (closed.get(info.reason) ?? 0) + count);
    }
    return closed;
  }

  /** Returns the sum over all channels, including closed channels. */
  total(key: ChannelTotal): number {
    return this.totals.get(key)!;
  }

  /** Adds to a sum. Handlers call this method. */
  add(key: ChannelTotal, amount: number): void {
    this.totals.set(key, this.totals.get(key)! + amount);
  }

  /** Counts an error for {@link errorsByCode}. Handlers call this method. */
  countError(error: Error): void {
    if (this.countedErrors.has(error)) return;
    this.countedErrors.add(error);
    const code = codeOf(error);
    const isKnown = this.codes.has(code) || this.codes.size < MAX_CODES;
    const key = isKnown ? code : 'other';
    this.codes.set(key, (this.codes.get(key) ?? 0) + 1);
  }

  /**
   * Counts a channel as open until the channel closes. Returns false if the channel is counted already. Handlers call this
   * method.
   */
  track(channel: Channel): boolean {
    if (this.channels.has(channel)) return false;
    this.channels.add(channel);
    this.openedCount += 1;
    const openedAt = channel.clock.now();
    channel.onClosed(() => {
      this.channels.delete(channel);
      this.durations.record((channel.clock.now() - openedAt) / 1000);
      this.countClosed(channel.closeInfo!);
    });
    return true;
  }

  /**
   * Adds your own metrics, which are read together with these metrics. {@link metricsOf} makes them from the counters of a limit
   * handler, a group, a pool or your own code.
   */
  include(source: () => Iterable<MetricFamily>): this {
    this.sources.push(source);
    return this;
  }

  /** Returns all metrics, including those of {@link include}. */
  families(): MetricFamily[] {
    const { prefix } = this;
    return [
      single('counter', `${prefix}_connections_opened_total`, 'Connections so far.', this.opened),
      single('gauge', `${prefix}_connections_open`, 'Connections that are open.', this.open),
      this.closedFamily(),
      this.durations.family(
        `${prefix}_connection_duration_seconds`,
        'How long connections lasted.',
      ),
      ...this.outputFamilies(),
      ...TOTALS.map(([key, name, help]) =>
        single('counter', `${prefix}_${name}`, help, this.total(key)),
      ),
      this.errorFamily(),
      ...this.eventLoopFamilies(),
      ...this.sources.flatMap((source) => [...source()]),
    ];
  }

  /**
   * Returns the text of a `/metrics` page. Its content type is `text/plain; version=0.0.4; charset=utf-8`.
   *
   * @throws OptionError `OPTION_INVALID` if a source returns a name that Prometheus does not accept
   */
  text(): string {
    return prometheusText(this.families(), this.labels);
  }

  /** Stops the measurement of the event loop. */
  dispose(): void {
    this.eventLoop?.disable();
  }

  /** Calls {@link ServerMetrics.dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  private countClosed(info: CloseInfo): void {
    if (info.error !== undefined) this.countError(info.error);
    const isKnown = this.closedBy.has(`${info.by} ${info.reason}`);
    const reason = isKnown || this.closedBy.size < MAX_REASONS ? info.reason : 'other';
    const key = `${info.by} ${reason}`;
    const entry = this.closedBy.get(key);
    if (entry !== undefined) entry.count += 1;
    else this.closedBy.set(key, { info: { ...info, reason, error: undefined }, count: 1 });
  }

  private closedFamily(): MetricFamily {
    const samples: MetricSample[] = [...this.closedBy.values()].map(({ info, count }) => ({
      labels: { reason: info.reason, by: info.by, category: closeCategory(info.reason) },
      value: count,
    }));
    const name = `${this.prefix}_connections_closed_total`;
    return { name, help: 'Connections that closed, by reason.', type: 'counter', samples };
  }

  private errorFamily(): MetricFamily {
    const samples = [...this.codes].map(([code, value]) => ({ labels: { code }, value }));
    const name = `${this.prefix}_errors_by_code_total`;
    return { name, help: 'Errors, by code.', type: 'counter', samples };
  }

  /** Reads the output of the channels for each scrape, so that counting costs nothing. */
  private outputFamilies(): MetricFamily[] {
    let pending = 0;
    let fullest = 0;
    let unwritable = 0;
    for (const channel of this.channels) {
      const waiting = channel.pendingOutboundBytes;
      pending += waiting;
      if (waiting > fullest) fullest = waiting;
      if (!channel.isWritable) unwritable += 1;
    }
    const { prefix } = this;
    return [
      single('gauge', `${prefix}_pending_output_bytes`, 'Output that waits.', pending),
      single(
        'gauge',
        `${prefix}_pending_output_max_bytes`,
        'Output that waits in the channel with the most of it; maxOutboundBytes is its limit.',
        fullest,
      ),
      single('gauge', `${prefix}_channels_unwritable`, 'Channels that are unwritable.', unwritable),
    ];
  }

  private eventLoopFamilies(): MetricFamily[] {
    const { eventLoop, prefix } = this;
    if (eventLoop === undefined) return [];
    const samples: MetricSample[] = [50, 99, 100].map((percentile) => ({
      labels: { percentile: String(percentile) },
      value: eventLoop.percentile(percentile) / NANOS,
    }));
    // Each scrape shows the delay since the previous scrape.
    eventLoop.reset();
    const name = `${prefix}_event_loop_delay_seconds`;
    return [{ name, help: 'Delay of the event loop since the last look.', type: 'gauge', samples }];
  }
}

function codeOf(error: Error): string {
  const { code, name } = error as Error & { readonly code?: unknown };
  const text = typeof code === 'string' && code !== '' ? code : name;
  return String(text).slice(0, MAX_CODE_LENGTH);
}
