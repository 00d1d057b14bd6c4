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
  /** How heartbeats look. @default textHeartbeat(), the texts PING and PONG */
  readonly format?: HeartbeatFormat<In, Out>;
  /** Between heartbeats of our own; `false` sends none and only answers the peer's. @default false */
  readonly intervalMs?: number | false;
  /** The first heartbeat of our own goes out as soon as the channel is active, not an interval later. @default false */
  readonly immediately?: boolean;
  /** How long the answer to one may take. @default the interval, at most 10000 */
  readonly timeoutMs?: number;
  /** The connection is closed after this many consecutive missed answers. @default 2 */
  readonly maxMissed?: number;
  /**
   * Beat only when nothing was written for an interval or, where answers are expected, nothing came in for
   * one. `false` beats every interval in any case. @default true
   */
  readonly onlyWhenQuiet?: boolean;
  /** Closes the connection when nothing at all came in for this time: for the side that sends no pings. @default false */
  readonly silenceMs?: number | false;
  /** The share of each interval, from 0 to 1, that chance takes off, so that many clients do not beat together. @default 0.1 */
  readonly jitter?: number;
  /** Searches the longest interval that the path allows, in place of `intervalMs`. @default none */
  readonly adaptive?: AdaptiveInterval;
  /** For tests. @default Math.random */
  readonly random?: () => number;
}

/** How quickly a dead peer is found, from the moment it dies: spread into the options of a HeartbeatHandler. */
export const HEARTBEAT_PRESETS: {
  readonly relaxed: Required<Pick<HeartbeatOptions<never>, 'timeoutMs' | 'maxMissed'>> & {
    readonly intervalMs: number;
  };
  readonly strict: Required<Pick<HeartbeatOptions<never>, 'timeoutMs' | 'maxMissed'>> & {
    readonly intervalMs: number;
  };
} = {
  /** Within 30 to 40 seconds. */
  relaxed: { intervalMs: 10_000, timeoutMs: 10_000, maxMissed: 3 },
  /** Within 6 to 9 seconds. */
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

/** Formats hold nothing of a connection: all handlers share this one. */
const PING_PONG: HeartbeatFormat<string> = textHeartbeat();

/** The format of the options, or the default one. */
export function formatOf<In, Out>(options: HeartbeatOptions<In, Out>): HeartbeatFormat<In, Out> {
  const { format } = options;
  return format === undefined
    ? (PING_PONG as unknown as HeartbeatFormat<In, Out>)
    : checkedFormat(format);
}

/** The options as rules; `undefined` if there is nothing to watch or send. */
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
