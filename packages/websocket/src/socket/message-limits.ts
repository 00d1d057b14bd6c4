import { describeOptions, time, whole } from '@headrace/core/authoring';

/** Limits of one inbound message, on either side. */
export interface WebSocketLimits {
  /**
   * Maximum length of an inbound message, in bytes, after inflation. A longer message closes the WebSocket with 1009. The
   * compressed form of a message may be an eighth longer.
   * @default 65536
   */
  readonly maxMessageBytes?: number;
  /**
   * Maximum number of fragments of one message. Each fragment costs memory in addition to its bytes. More fragments close the
   * WebSocket with 1008.
   * @default 128
   */
  readonly maxFragments?: number;
  /**
   * Maximum time until a begun message is complete, in milliseconds; `false` for no limit. The time is paused while reads are
   * held.
   * @default 15000
   */
  readonly messageTimeoutMs?: number | false;
}

/** The limits of every WebSocket. */
export const MESSAGE_LIMITS = describeOptions('WebSocketLimits', {
  maxMessageBytes: whole({ min: 1, max: 2 ** 31 - 1, default: 64 * 1024 }),
  maxFragments: whole({ min: 1, max: 2 ** 31 - 1, default: 128 }),
  messageTimeoutMs: time({ default: 15_000 }),
});

/** The limits of inbound messages. */
export interface ReadLimits {
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
}
