import type { Clock } from '../contract/clock.ts';
import type { Logger } from '../contract/logger.ts';
import type { Channel } from '../contract.ts';
import { OptionError } from '../errors.ts';
import { stderrLogger } from '../log/stderr-logger.ts';
import { LOGGER } from '../option/careful-logger.ts';
import { fn } from '../option/function-option.ts';
import { CLOCK, flag, number, time, whole } from '../option/option-kind.ts';
import { describeOptions, describePart, nested } from '../option/option-set.ts';

/**
 * The hooks of a channel for messages, events and errors that no handler accepted. A hook replaces the default
 * action. The channel logs an error if a hook throws or its promise rejects.
 */
export interface ChannelHooks {
  /**
   * Called when a message has passed the last handler. Default: the message is dropped, with one warning for each
   * listener or client channel. A last handler `{ channelRead() {} }` ignores messages.
   */
  readonly unhandledMessage?: (channel: Channel, message: unknown) => void;
  /** Called when an error has passed the last handler. Default: one line in the log, then the channel closes. */
  readonly unhandledException?: (channel: Channel, error: Error) => void;
  /** Called when a user event has passed the last handler. Default: no action. */
  readonly unhandledEvent?: (channel: Channel, event: unknown) => void;
  /** Called when a write has failed and its failure was not observed. Default: one line in the log for each channel. */
  readonly writeFailed?: (channel: Channel, error: Error) => void;
}

/** Options of every channel. */
export interface ChannelOptions {
  /** Whether the channel reads automatically, without calls of `read()`. @default true */
  readonly autoRead?: boolean;
  /**
   * Whether the output stays open when the peer ends its half. `channelShutdown` reports the end. Without it, output that was written
   * is sent, and the channel closes.
   * @default false
   */
  readonly allowHalfOpen?: boolean;
  /** Low watermark, in bytes. Below it, an unwritable channel is writable again. @default 32768 */
  readonly writeBufferLowBytes?: number;
  /** High watermark, in bytes. Above it, a channel is not writable. @default 65536 */
  readonly writeBufferHighBytes?: number;
  /**
   * Maximum size of the waiting output, in bytes. Above it, a further write fails with `OUTBOUND_FULL` and the
   * channel closes as a slow consumer. A single message can be larger. `Infinity` means no limit.
   * @default 1048576
   */
  readonly maxOutboundBytes?: number;
  /**
   * Maximum time without progress of waiting output, in milliseconds. After this time, the channel closes as a slow
   * consumer. `false` means no limit. On Linux, the bytes that the peer has acknowledged count, and the close can be
   * a quarter of this time later. Elsewhere, the bytes that the kernel has accepted count, and a peer shows progress
   * only after it has read a third of the kernel's buffer.
   * @default 10000
   */
  readonly outboundStallMs?: number | false;
  /**
   * Maximum time for the input of one connection in one turn of the event loop, in milliseconds. Further input waits
   * for a later turn, so that a busy peer does not delay the other peers. Busy connections share this time. Each turn
   * resumes one of the waiting connections. A connection that needs less than a quarter of the time never waits. A
   * single message is never interrupted. `false` means no limit.
   * @default 1
   */
  readonly readBudgetMs?: number | false;
  /** Logger of the channel. @default standard error, warnings and errors */
  readonly logger?: Logger;
  /** Clock of the channel. @default the system's clock */
  readonly clock?: Clock;
  /** Hooks for messages, events and errors that no handler accepted. @default the action that each hook names */
  readonly hooks?: ChannelHooks;
}

export type ResolvedChannelOptions = Required<ChannelOptions> & {
  readonly outboundStallMs: number;
  readonly readBudgetMs: number;
};

const HOOKS = describePart('hooks', {
  unhandledMessage: fn({ answers: 'async' }),
  unhandledException: fn({ answers: 'async' }),
  unhandledEvent: fn({ answers: 'async' }),
  writeFailed: fn({ answers: 'void', takes: 2 }),
});

/** The kinds and defaults of `ChannelOptions`. */
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

/** The options of a channel of datagrams. */
export const CONNECTIONLESS_OPTIONS = CHANNEL_OPTIONS.without({
  allowHalfOpen: 'datagrams have no end of a half',
  outboundStallMs: 'output of datagrams has no time limit',
});
const NAMES = Object.keys(CHANNEL_OPTIONS.kinds) as (keyof ChannelOptions)[];

/** The last result. Channels that are opened separately with the same options share the result. */
let lastGiven: ChannelOptions | undefined;
let lastResolved: ResolvedChannelOptions | undefined;

/**
 * Checks the options and fills in the defaults, once for a bootstrap. The caller has checked the names, because it
 * may accept more options.
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
