import { OptionError } from '@headrace/core';
import {
  describeOptions,
  flag,
  number,
  object,
  RANDOM,
  time,
  whole,
} from '@headrace/core/authoring';
import type { AdaptiveInterval } from './adaptive-interval.ts';
import { checkedFormat, type HeartbeatFormat, textHeartbeat } from './heartbeat-format.ts';
import type { HeartbeatRules } from './heartbeat-machine.ts';

/** Options of a HeartbeatHandler. Times are in milliseconds. */
export interface HeartbeatOptions<In, Out = In> {
  /** The format of the heartbeats. @default textHeartbeat(), the texts PING and PONG */
  readonly format?: HeartbeatFormat<In, Out>;
  /**
   * Interval of our heartbeats. With `false`, the handler sends no heartbeats and only answers the peer's heartbeats.
   * @default false
   */
  readonly intervalMs?: number | false;
  /** Whether our first heartbeat is sent when the channel becomes active, instead of after an interval. @default false */
  readonly immediately?: boolean;
  /** Maximum time for the answer to a heartbeat. @default the interval, at most 10000 */
  readonly timeoutMs?: number;
  /** Number of consecutive missed answers after which the connection is closed. @default 2 */
  readonly maxMissed?: number;
  /**
   * Whether to send heartbeats only when nothing was written for an interval or, if answers are expected, no input arrived for an
   * interval. With `false`, a heartbeat is sent at each interval.
   * @default true
   */
  readonly onlyWhenQuiet?: boolean;
  /** Time without any input after which the connection is closed. Use it on the side that sends no pings. @default false */
  readonly silenceMs?: number | false;
  /**
   * Maximum share of each interval that is randomly subtracted, from 0 to 1. It spreads the heartbeats of many clients.
   * @default 0.1
   */
  readonly jitter?: number;
  /** An object that searches for the longest interval that the path allows. It replaces `intervalMs`. @default none */
  readonly adaptive?: AdaptiveInterval;
  /** Returns random numbers. Tests replace it. @default Math.random */
  readonly random?: () => number;
}

/**
 * Options that determine how quickly a dead peer is found after its death. Spread a preset into the options of a
 * HeartbeatHandler.
 */
export const HEARTBEAT_PRESETS: {
  readonly relaxed: Required<Pick<HeartbeatOptions<never>, 'timeoutMs' | 'maxMissed'>> & {
    readonly intervalMs: number;
  };
  readonly strict: Required<Pick<HeartbeatOptions<never>, 'timeoutMs' | 'maxMissed'>> & {
    readonly intervalMs: number;
  };
} = {
  /** Finds a dead peer within 30 to 40 seconds. */
  relaxed: { intervalMs: 10_000, timeoutMs: 10_000, maxMissed: 3 },
  /** Finds a dead peer within 6 to 9 seconds. */
  strict: { intervalMs: 3000, timeoutMs: 3000, maxMissed: 2 },
};

const OPTIONS = describeOptions('HeartbeatHandler', {
  format: object('a HeartbeatFormat, such as textHeartbeat()'),
  intervalMs: time({ default: false }),
  immediately: flag({ default: false }),
  timeoutMs: time(),
  maxMissed: whole({ min: 1, default: 2 }),
  onlyWhenQuiet: flag({ default: true }),
  silenceMs: time({ default: false }),
  jitter: number({ max: 1, default: 0.1 }),
  adaptive: object('an AdaptiveInterval'),
  random: RANDOM,
});

/** All handlers share this format, because formats contain no data of a connection. */
const PING_PONG: HeartbeatFormat<string> = textHeartbeat();

/** Returns the format of the options, or the default format. */
export function formatOf<In, Out>(options: HeartbeatOptions<In, Out>): HeartbeatFormat<In, Out> {
  const { format } = options;
  return format === undefined
    ? (PING_PONG as unknown as HeartbeatFormat<In, Out>)
    : checkedFormat(format);
}

/** Returns the options as rules, or `undefined` if there is nothing to watch or send. */
export function rulesOf<In, Out>(options: HeartbeatOptions<In, Out>): HeartbeatRules | undefined {
  const resolved = OPTIONS.resolve(options as unknown as HeartbeatOptions<unknown>);
  const { adaptive, intervalMs: fixedMs, silenceMs, onlyWhenQuiet } = resolved;
  if (adaptive !== undefined && (options.intervalMs !== undefined || !onlyWhenQuiet)) {
    throw new OptionError(
      'OPTION_CONFLICT',
      'adaptive searches the interval, and can only do so in silence: leave out intervalMs and onlyWhenQuiet',
      { option: 'adaptive' },
    );
  }
  const firstMs = adaptive?.currentMs ?? fixedMs;
  if (firstMs === Number.POSITIVE_INFINITY && silenceMs === Number.POSITIVE_INFINITY) {
    return undefined;
  }
  return {
    intervalMs: adaptive === undefined ? () => fixedMs : () => adaptive.currentMs,
    timeoutMs: resolved.timeoutMs ?? Math.min(firstMs, 10_000),
    maxMissed: resolved.maxMissed,
    isAnswered: formatOf(options).isAnswered,
    onlyWhenQuiet,
    silenceMs,
    jitter: resolved.jitter,
    random: resolved.random,
  };
}
