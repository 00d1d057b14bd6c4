import type { Channel } from '@headrace/core';
import { describeOptions, fn, list, number, value, whole } from '@headrace/core/authoring';
import type { SessionLog } from '../log/session-log.ts';
import type { MovePlace } from '../protocol/resume-frame.ts';
import { CREDIT_BYTES, systemRandom, WINDOW_MS } from '../protocol/resume-machine.ts';

/** Options of a `ResumeTable`. */
export interface ResumeTableOptions {
  /** Maximum absence of a client, in milliseconds. A client can ask for less. @default 60000 */
  readonly windowMs?: number;
  /**
   * Returns the maximum absence after the loss of this link, in milliseconds, at most `windowMs`; `undefined` for `windowMs`. Use
   * `windowOf` for pages that report their end (see the guide of pages). If the function throws or returns no time, the error is
   * fired as the link's `exceptionCaught`, and `windowMs` applies.
   *
   * @example
   * ```ts check
   * import { ResumeTable } from '@headrace/lasting';
   * import { WEB_SOCKET_CLOSE } from '@headrace/websocket';
   *
   * new ResumeTable({
   *   windowMs: 60_000,
   *   windowOf: (link) => (link.attributes.get(WEB_SOCKET_CLOSE)?.code === 1001 ? 5000 : undefined),
   * });
   * ```
   * @default `windowMs` for all
   */
  readonly windowOf?: (link: Channel) => number | undefined;
  /**
   * Maximum number of unacknowledged bytes from each end, and of bytes kept for one absent client, including 64 for each message.
   * @default 1048576
   */
  readonly creditBytes?: number;
  /**
   * Maximum number of absent clients. Above this number, the table gives up a client, first among clients that have not signed in
   * (without a `PRINCIPAL`). Among these, the table selects the address (or IPv6 /64 network) with the most clients, and there
   * the client that is absent longest.
   * @default 10000
   */
  readonly maxDetached?: number;
  /**
   * Maximum number of absent clients of one address, or one IPv6 /64 network, that have not signed in. Above this number, the
   * table gives up the longest absent client of that address.
   * @default 1000
   */
  readonly maxDetachedPerAddress?: number;
  /**
   * Maximum number of bytes kept for all absent clients. Above this number, the table gives up clients as for `maxDetached`.
   * @default 268435456
   */
  readonly maxDetachedBytes?: number;
  /** Maximum time until a link sends its first frame. @default 5000 */
  readonly helloTimeoutMs?: number;
  /** Source of ids and secrets. @default crypto.randomBytes */
  readonly random?: (count: number) => Uint8Array;
  /**
   * Log that stores the channels. Every process with the same log can continue these channels, even if this process is killed.
   * Each message is logged before it is acknowledged or sent. `windowMs` is at most half of the log's `keepMs`.
   * @default none: channels end with their process
   */
  readonly log?: SessionLog;
  /**
   * Maximum time of the log's answer, in milliseconds. After a time-out or an error, the result is unknown. A record is then
   * appended again, with double the time at each try (at most eightfold). A client whose channel was being read must reconnect.
   * @default 10000
   */
  readonly logTimeoutMs?: number;
  /**
   * Maximum number of channels that are read from the log at the same time. Other reads wait for their turn. If more than 1,024
   * reads run or wait, further clients must reconnect.
   * @default 32
   */
  readonly maxReads?: number;
}

/** Options of `ResumeTable.move`. */
export interface MoveOptions {
  /** Period within which each client moves, at a random moment, in milliseconds. @default 10000 */
  readonly spreadMs?: number;
  /** Maximum number of clients that are asked, those with the oldest channels first. @default all */
  readonly count?: number;
  /** Places to move to. @default the addresses that the client has */
  readonly places?: readonly MovePlace[];
}

/** @internal */
export const OPTIONS = describeOptions('ResumeTable', {
  windowMs: WINDOW_MS,
  windowOf: fn({ answers: 'sync', purpose: 'gives the window of an absence' }),
  creditBytes: CREDIT_BYTES,
  maxDetached: whole({ default: 10_000 }),
  maxDetachedPerAddress: whole({ default: 1000 }),
  maxDetachedBytes: number({ default: 256 * 1024 * 1024 }),
  helloTimeoutMs: number({ min: 1, max: 2 ** 31 - 1, default: 5000 }),
  random: fn({
    answers: 'sync',
    purpose: 'returns the given number of random bytes',
    default: systemRandom,
  }),
  log: value<SessionLog, Record<never, never>>(
    'a log of sessions, as redisSessionLog makes',
    (given) => typeof (given as Partial<SessionLog> | null)?.append === 'function',
  ),
  logTimeoutMs: number({ min: 1, max: 2 ** 31 - 1, default: 10_000 }),
  maxReads: whole({ min: 1, default: 32 }),
});
/** @internal */
export const MOVE = describeOptions('move', {
  spreadMs: whole({ max: 2 ** 32 - 1, default: 10_000 }),
  count: whole({ default: Number.POSITIVE_INFINITY }),
  places: list('a list of places'),
});
