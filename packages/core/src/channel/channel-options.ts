import type { Channel, Clock, Logger } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { stderrLogger } from '../log/stderr-logger.ts';
import { LOGGER } from '../option/careful-logger.ts';
import { fn } from '../option/function-option.ts';
import { CLOCK, flag, number, time, whole } from '../option/option-kind.ts';
import { describeOptions, describePart, nested } from '../option/option-set.ts';

/**
 * The hooks of a channel for everything that no handler took. Each hook replaces the default named
 * with it. An error that a hook throws, or that its promise rejects with, is logged.
 */
export interface ChannelHooks {
  /** A message passed the last handler. Default: it is dropped; a warning for the first one of each channel. */
  readonly unhandledMessage?: (channel: Channel, message: unknown) => void;
  /** An error passed the last handler. Default: one warning, then `close('error')`. */
  readonly unhandledException?: (channel: Channel, error: Error) => void;
  /** A user event passed the last handler. Default: nothing. */
  readonly unhandledEvent?: (channel: Channel, event: unknown) => void;
  /** A write failed and its failure was not observed. Default: one line per channel. */
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
   * The time in milliseconds that the input of one connection may take in one turn of the event
   * loop. The rest of its input waits for a later turn, so that a busy peer does not keep the
   * others waiting. Busy connections share one such time: each turn resumes one of those that wait.
   * Quiet connections never wait: one that needs less than a quarter of the time is served at once.
   * One message is never interrupted. `false` for no limit. @default 1
   */
  readonly readBudgetMs?: number | false;
  /** @default standard error, warnings and errors */
  readonly logger?: Logger;
  /** @default the system's clock */
  readonly clock?: Clock;
  /** What becomes of what no handler took. @default what each hook names */
  readonly hooks?: ChannelHooks;
}

export type ResolvedChannelOptions = Required<ChannelOptions> & {
  readonly outboundStallMs: number;
  readonly readBudgetMs: number;
};

const HOOKS = describePart('hooks', {
  unhandledMessage: fn({ answers: 'a promise' }),
  unhandledException: fn({ answers: 'a promise' }),
  unhandledEvent: fn({ answers: 'a promise' }),
  writeFailed: fn({ answers: 'nothing', takes: 2 }),
});

/** The description of `ChannelOptions`: what each may be, and its default. */
export const CHANNEL_OPTIONS = describeOptions('ChannelOptions', {
  autoRead: flag({ default: true }),
  allowHalfOpen: flag({ default: false }),
  writeBufferLowBytes: whole({ default: 32 * 1024 }),
  writeBufferHighBytes: whole({ default: 64 * 1024 }),
  maxOutboundBytes: number({ min: 1, default: 1024 * 1024 }),
  outboundStallMs: time({ default: 10_000 }),
  readBudgetMs: time({ default: 1 }),
  logger: LOGGER,
  clock: CLOCK,
  hooks: nested(HOOKS, { default: {} }),
});
const NAMES = Object.keys(CHANNEL_OPTIONS.kinds) as (keyof ChannelOptions)[];

/** The last result: channels that are opened one by one with the same options share it. */
let lastGiven: ChannelOptions | undefined;
let lastResolved: ResolvedChannelOptions | undefined;

/**
 * Checks the options and fills in the defaults; done once for a bootstrap, shared by its channels.
 * The caller has checked the names, because it may take more options than those of a channel.
 */
export function resolveChannelOptions(options: ChannelOptions = {}): ResolvedChannelOptions {
  if (lastGiven === undefined || !areSame(options, lastGiven)) {
    lastResolved = resolve(options);
    lastGiven = Object.fromEntries(NAMES.map((name) => [name, options[name]]));
  }
  return lastResolved!;
}

function areSame(one: ChannelOptions, other: ChannelOptions): boolean {
  for (const name of NAMES) if (one[name] !== other[name]) return false;
  return true;
}

function resolve(options: ChannelOptions): ResolvedChannelOptions {
  const given = CHANNEL_OPTIONS.part(options);
  const low = given.writeBufferLowBytes;
  const isHighGiven = options.writeBufferHighBytes !== undefined;
  const high = isHighGiven ? given.writeBufferHighBytes : Math.max(given.writeBufferHighBytes, low);
  if (high < low) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `writeBufferHighBytes (${high}) is below writeBufferLowBytes (${low}); it must be at least as high`,
      { writeBufferHighBytes: high, writeBufferLowBytes: low },
    );
  }
  return { ...given, writeBufferHighBytes: high, logger: given.logger ?? stderrLogger() };
}
