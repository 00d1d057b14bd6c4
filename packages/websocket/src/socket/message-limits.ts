import { checkNumber, checkTime, type KnownOptions } from '@headrace/core/authoring';

/** Limits of one inbound message, on either side. */
export interface WebSocketLimits {
  /** The longest message that is read, in bytes, after it was inflated; a longer one closes with 1009. @default 65536 */
  readonly maxMessageBytes?: number;
  /** The maximum number of fragments of one message: each costs memory beside its bytes; more close with 1008. @default 128 */
  readonly maxFragments?: number;
  /** In how many milliseconds a begun message must be complete; `false` for no limit. Stops while reads are held. @default 15000 */
  readonly messageTimeoutMs?: number | false;
}

/** The names of {@link WebSocketLimits}. */
export const MESSAGE_LIMITS: KnownOptions<WebSocketLimits> = {
  maxMessageBytes: true,
  maxFragments: true,
  messageTimeoutMs: true,
};
const DEFAULTS = {
  maxMessageBytes: 64 * 1024,
  maxFragments: 128,
  messageTimeoutMs: 15_000,
} as const;

/** The limits, checked, as the `ws` library names them, and the remaining options. */
export function messageLimits<O extends WebSocketLimits>(
  options: O,
): {
  readonly limits: { readonly maxPayload: number; readonly maxFragments: number };
  readonly messageTimeoutMs: number;
  readonly channelOptions: Omit<O, keyof WebSocketLimits>;
} {
  const {
    maxMessageBytes = DEFAULTS.maxMessageBytes,
    maxFragments = DEFAULTS.maxFragments,
    messageTimeoutMs = DEFAULTS.messageTimeoutMs,
    ...channelOptions
  } = options;
  const bounds = { min: 1, max: 2 ** 31 - 1, integer: true };
  const limits = {
    maxPayload: checkNumber('maxMessageBytes', maxMessageBytes, bounds),
    maxFragments: checkNumber('maxFragments', maxFragments, bounds),
  };
  return {
    limits,
    messageTimeoutMs: checkTime('messageTimeoutMs', messageTimeoutMs),
    channelOptions,
  };
}
