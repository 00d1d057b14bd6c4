import { AttributeKey } from '@headrace/core';

/** The counts of one channel so far. */
export interface ChannelMetrics {
  /** The time of the channel's clock when it was first counted, in milliseconds. */
  readonly openedAt: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Reads of the transport, or messages where the handler stands after the codec. */
  readonly messagesRead: number;
  readonly messagesWritten: number;
  readonly writesFailed: number;
  readonly errors: number;
  /** How often the channel became unwritable. */
  readonly timesUnwritable: number;
}

/** {@link ChannelMetrics} as the handler that counts changes them. */
export type ChannelCounts = { -readonly [K in keyof ChannelMetrics]: ChannelMetrics[K] };

/** Where a `MetricsHandler` keeps what a channel has done: `channel.attributes.get(CHANNEL_METRICS)`. */
export const CHANNEL_METRICS: AttributeKey<ChannelMetrics> = new AttributeKey('channel-metrics');
