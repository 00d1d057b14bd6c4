import type { Channel, Clock, Logger } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { checkOptions, type KnownOptions } from '../internal/known-options.ts';
import { checkNumber, checkTime } from '../internal/option-check.ts';
import { stderrLogger } from '../internal/stderr-logger.ts';
import { systemClock } from '../internal/system-clock.ts';

/**
 * What a channel does with what no handler took. Each hook replaces the default named with it. What a hook throws
 * is logged, and so is what its promise rejects with.
 */
export interface ChannelHooks {
  /** A message passed the last handler. Default: it is dropped; a warning for the first one of each channel. */
  readonly unhandledMessage?: (channel: Channel, message: unknown) => void;
  /** An error passed the last handler. Default: one warning, then `close('error')`. */
  readonly unhandledException?: (channel: Channel, error: Error) => void;
  /** A user event passed the last handler. Default: nothing. */
  readonly unhandledEvent?: (channel: Channel, event: unknown) => void;
  /** A write failed and nobody looked at its future. Default: one line per channel. */
  readonly writeFailed?: (channel: Channel, error: Error) => void;
}

/** Options of every channel. */
export interface ChannelOptions {
  /** Read automatically, without calls of `read()`. @default true */
  readonly autoRead?: boolean;
  /** Keep our half open when the peer ends its own (`channelShutdown` reports it). @default false */
  readonly allowHalfOpen?: boolean;
  /** Below this many pending bytes an unwritable channel is writable again. @default 32768 */
  readonly writeBufferLowBytes?: number;
  /** Above this many pending bytes a channel is unwritable. @default 65536 */
  readonly writeBufferHighBytes?: number;
  /**
   * Output that may wait before a further write fails with `OUTBOUND_FULL` and the channel is closed as a
   * slow consumer. One message may be larger than this. `Infinity` for no limit. @default 1048576
   */
  readonly maxOutboundBytes?: number;
  /**
   * Closes as a slow consumer when output waits and the peer has taken none of it for this many milliseconds; `false`
   * for never. On Linux what the peer has acknowledged counts, and it may take a quarter longer; elsewhere what the
   * kernel took of us, which a peer shows only when it has read a third of the kernel's buffer. @default 10000
   */
  readonly outboundStallMs?: number | false;
  /**
   * The time in milliseconds that the input of one connection may take in one turn of the event loop; what is
   * left waits for a later turn, so that a busy peer does not keep the others waiting. Busy connections share one
   * such time: each turn goes on with one of those that wait. Quiet ones never wait: whoever needs less than a
   * quarter of it is served at once. One message is never interrupted. `false` for no limit. @default 1
   */
  readonly readBudgetMs?: number | false;
  /** @default standard error, warnings and errors */
  readonly logger?: Logger;
  /** @default the system's clock */
  readonly clock?: Clock;
  readonly hooks?: ChannelHooks;
}

export type ResolvedChannelOptions = Required<ChannelOptions> & {
  readonly outboundStallMs: number;
  readonly readBudgetMs: number;
};

/** The names of {@link ChannelOptions}. */
export const CHANNEL_OPTIONS: KnownOptions<ChannelOptions> = {
  autoRead: true,
  allowHalfOpen: true,
  writeBufferLowBytes: true,
  writeBufferHighBytes: true,
  maxOutboundBytes: true,
  outboundStallMs: true,
  readBudgetMs: true,
  logger: true,
  clock: true,
  hooks: true,
};
const NAMES = Object.keys(CHANNEL_OPTIONS) as (keyof ChannelOptions)[];
const HOOKS: KnownOptions<ChannelHooks> = {
  unhandledMessage: true,
  unhandledException: true,
  unhandledEvent: true,
  writeFailed: true,
};

const DEFAULTS = {
  autoRead: true,
  allowHalfOpen: false,
  writeBufferLowBytes: 32 * 1024,
  writeBufferHighBytes: 64 * 1024,
  maxOutboundBytes: 1024 * 1024,
  outboundStallMs: 10_000,
  readBudgetMs: 1,
} as const;

/** What was resolved last: channels that are opened one by one with the same options share it. */
let lastGiven: ChannelOptions | undefined;
let lastResolved: ResolvedChannelOptions | undefined;

/**
 * Checks the options and fills in the defaults; done once for a bootstrap, shared by its channels. Whoever takes
 * them has checked their names, which may be more than those of a channel.
 */
export function resolveChannelOptions(options: ChannelOptions = {}): ResolvedChannelOptions {
  if (lastGiven === undefined || !areSame(options, lastGiven)) {
    lastResolved = resolve(options);
    lastGiven = { ...options };
  }
  return lastResolved!;
}

function areSame(one: ChannelOptions, other: ChannelOptions): boolean {
  for (const name of NAMES) if (one[name] !== other[name]) return false;
  return true;
}

function resolve(options: ChannelOptions): ResolvedChannelOptions {
  const { hooks = {} } = options;
  checkOptions('hooks', hooks, HOOKS);
  const low = checkNumber(
    'writeBufferLowBytes',
    options.writeBufferLowBytes ?? DEFAULTS.writeBufferLowBytes,
    { integer: true },
  );
  const high = checkNumber(
    'writeBufferHighBytes',
    options.writeBufferHighBytes ?? Math.max(DEFAULTS.writeBufferHighBytes, low),
    { integer: true },
  );
  if (high < low) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `writeBufferHighBytes (${high}) is below writeBufferLowBytes (${low}); it must be at least as high`,
      { writeBufferHighBytes: high, writeBufferLowBytes: low },
    );
  }
  return {
    autoRead: options.autoRead ?? DEFAULTS.autoRead,
    allowHalfOpen: options.allowHalfOpen ?? DEFAULTS.allowHalfOpen,
    writeBufferLowBytes: low,
    writeBufferHighBytes: high,
    maxOutboundBytes: checkNumber(
      'maxOutboundBytes',
      options.maxOutboundBytes ?? DEFAULTS.maxOutboundBytes,
      { min: 1 },
    ),
    outboundStallMs: checkTime(
      'outboundStallMs',
      options.outboundStallMs ?? DEFAULTS.outboundStallMs,
    ),
    readBudgetMs: checkTime('readBudgetMs', options.readBudgetMs ?? DEFAULTS.readBudgetMs),
    logger: options.logger ?? stderrLogger(),
    clock: options.clock ?? systemClock,
    hooks,
  };
}
