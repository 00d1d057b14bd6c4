import { AttributeKey } from '@headrace/core';

/** The counts of one channel so far. */
export interface ChannelMetrics {
  /** The time of the channel's clock when it was first counted, in milliseconds. */
  readonly openedAt: number;
  /** The bytes among these messages. */
  readonly bytesRead: number;
  /** The bytes among the messages written. */
  readonly bytesWritten: number;
  /** Reads of the transport, or messages where the handler stands after the codec. */
  readonly messagesRead: number;
  /** Messages that were written, those that failed included. */
  readonly messagesWritten: number;
  /** Messages whose write failed. */
  readonly writesFailed: number;
  /** Errors that reached `exceptionCaught`. */
  readonly errors: number;
  /** How often the channel became unwritable. */
  readonly timesUnwritable: number;
}

/** {@link ChannelMetrics} as the handler that counts changes them. */
export type ChannelCounts = { -readonly [K in keyof ChannelMetrics]: ChannelMetrics[K] };

/** Where a `MetricsHandler` keeps what a channel has done: `channel.attributes.get(CHANNEL_METRICS)`. */
export const CHANNEL_METRICS: AttributeKey<ChannelMetrics> = new AttributeKey('channel-metrics');
