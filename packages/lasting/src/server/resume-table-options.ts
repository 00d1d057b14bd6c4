import type { Channel, ChannelOptions } from '@headrace/core';
import { describeOptions, fn, list, number, value, whole } from '@headrace/core/authoring';
import { LASTING_CHANNEL_OPTIONS, type LastingChannel } from '../channel/lasting-channel.ts';
import type { SessionLog } from '../log/session-log.ts';
import type { MovePlace } from '../protocol/resume-frame.ts';
import { CREDIT_BYTES, systemRandom, WINDOW_MS } from '../protocol/resume-machine.ts';

/** Options of a `ResumeTable`. */
export interface ResumeTableOptions {
  /** For how long a client may be absent; a client may ask for less. @default 60000 */
  readonly windowMs?: number;
  /**
   * Gives the window of an absence by the link that has just been lost, in milliseconds; `undefined` for `windowMs`, which is
   * also the most. For a page, whose browser says that it was left: see the guide of pages. If it throws, or gives no time, the
   * error goes to the link's `exceptionCaught`, and `windowMs` holds.
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
   * Bytes that each end may send without an acknowledgement, 64 for each message included; also the most that is kept
   * for one absent client. @default 1048576
   */
  readonly creditBytes?: number;
  /**
   * Clients that may be absent at a time; above it one is given up: of those that have not signed in, if there is one, else
   * of all, the longest absent one of the address, or the IPv6 /64 network, that has most of them. A client has signed in if
   * its channel has a `PRINCIPAL`. @default 10000
   */
  readonly maxDetached?: number;
  /**
   * As many of them may have one address, or one IPv6 /64 network, without having signed in; above it, the longest absent
   * one of that address is given up. @default 1000
   */
  readonly maxDetachedPerAddress?: number;
  /** Bytes that are kept for all absent clients together; above it, clients are given up as above `maxDetached`. @default 268435456 */
  readonly maxDetachedBytes?: number;
  /** How long a link may take to send its first frame. @default 5000 */
  readonly helloTimeoutMs?: number;
  /** Where ids and secrets come from. @default crypto.randomBytes */
  readonly random?: (count: number) => Uint8Array;
  /**
   * Where channels are kept, so that every process with the same log can go on with them, even if this one is killed: each message
   * is in the log before the client learns that it was taken, and before it is sent. `windowMs` is at most half of what the log
   * keeps. @default none: channels end with their process
   */
  readonly log?: SessionLog;
  /**
   * How long the log may take for an answer, in milliseconds. After that nobody knows whether it has done what it was asked for, as
   * after an error: a record is appended again, with twice the time at each try, up to eight times, and a client that is looked for there
   * comes again. @default 10000
   */
  readonly logTimeoutMs?: number;
  /**
   * Channels that are read from the log at a time, when very many clients come at once; the others wait for their turn. Of more than
   * 1,024 that are read or wait, the clients come again. @default 32
   */
  readonly maxReads?: number;
}

/** Where the clients of a server must go, see `ResumeTable.move`. */
export interface MoveOptions {
  /** Each client moves at a random time within so many milliseconds. @default 10000 */
  readonly spreadMs?: number;
  /** Where to. @default the addresses that the client has */
  readonly places?: readonly MovePlace[];
}

/** Options of `ResumeTable.take`. */
export interface TakeOptions {
  /** Builds the pipeline of the lasting channel, as that of the `ResumeHandler` does; there is no link yet. */
  readonly childHandler: (channel: LastingChannel) => unknown;
  /** Options of the lasting channel. @default the system's clock, the default logger */
  readonly childOptions?: ChannelOptions;
  /**
   * Gives the channel back what `save` knew of it; called when its pipeline is built, before its first message. An
   * `AuthHandler` in the pipeline asks nobody: the `PRINCIPAL` came along, or is set here.
   * @default what `save` knew is dropped
   */
  readonly restore?: (channel: LastingChannel, saved: unknown) => void;
}

/** @internal */
export const TAKE = describeOptions('take', {
  childHandler: fn({
    answers: 'a promise',
    required: true,
    purpose: 'builds the pipeline of a lasting channel',
  }),
  childOptions: LASTING_CHANNEL_OPTIONS,
  restore: fn({ answers: 'at once', takes: 2, purpose: 'gives a channel back what was saved' }),
});

/** @internal */
export const OPTIONS = describeOptions('ResumeTable', {
  windowMs: WINDOW_MS,
  windowOf: fn({ answers: 'at once', purpose: 'gives the window of an absence' }),
  creditBytes: CREDIT_BYTES,
  maxDetached: whole({ default: 10_000 }),
  maxDetachedPerAddress: whole({ default: 1000 }),
  maxDetachedBytes: number({ default: 256 * 1024 * 1024 }),
  helloTimeoutMs: number({ min: 1, max: 2 ** 31 - 1, default: 5000 }),
  random: fn({
    answers: 'at once',
    purpose: 'gives so many random bytes',
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
  places: list('a list of places'),
});
