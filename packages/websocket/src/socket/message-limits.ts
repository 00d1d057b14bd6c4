import { describeOptions, time, whole } from '@headrace/core/authoring';

/** Limits of one inbound message, on either side. */
export interface WebSocketLimits {
  /** The longest message that is read, in bytes, after it was inflated; a longer one closes with 1009. @default 65536 */
  readonly maxMessageBytes?: number;
  /** The maximum number of fragments of one message: each costs memory beside its bytes; more close with 1008. @default 128 */
  readonly maxFragments?: number;
  /** In how many milliseconds a begun message must be complete; `false` for no limit. Stops while reads are held. @default 15000 */
  readonly messageTimeoutMs?: number | false;
}

/** The options of every WebSocket. */
export const MESSAGE_LIMITS = describeOptions('WebSocketLimits', {
  maxMessageBytes: whole({ min: 1, max: 2 ** 31 - 1, default: 64 * 1024 }),
  maxFragments: whole({ min: 1, max: 2 ** 31 - 1, default: 128 }),
  messageTimeoutMs: time({ default: 15_000 }),
});

/** The limits of what is read. */
export interface ReadLimits {
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
}
