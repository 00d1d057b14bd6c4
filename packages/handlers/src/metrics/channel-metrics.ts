import { AttributeKey } from '@headrace/core';

/** The counts of one channel so far. */
export interface ChannelMetrics {
  /** The time of the channel's clock when counting began, in milliseconds. */
  readonly openedAt: number;
  /** Number of bytes in the messages that were read. */
  readonly bytesRead: number;
  /** Number of bytes in the messages that were written. */
  readonly bytesWritten: number;
  /** Number of reads of the transport, or of messages if the handler stands after the codec. */
  readonly messagesRead: number;
  /** Number of messages that were written, including failed writes. */
  readonly messagesWritten: number;
  /** Number of messages whose write failed. */
  readonly writesFailed: number;
  /** Number of errors that reached `exceptionCaught`. */
  readonly errors: number;
  /** Number of times that the channel became unwritable. */
  readonly timesUnwritable: number;
}

/** {@link ChannelMetrics} for the handler that changes the counts. */
export type ChannelCounts = { -readonly [K in keyof ChannelMetrics]: ChannelMetrics[K] };

/** The attribute in which a `MetricsHandler` keeps the counts of a channel: `channel.attributes.get(CHANNEL_METRICS)`. */
export const CHANNEL_METRICS: AttributeKey<ChannelMetrics> = new AttributeKey('channel-metrics');
