import type { Channel, ChannelOptions } from '@headrace/core';
import { describeOptions, fn, list, number, value, whole } from '@headrace/core/authoring';
import { LASTING_CHANNEL_OPTIONS, type LastingChannel } from '../channel/lasting-channel.ts';
import type { SessionLog } from '../log/session-log.ts';
import type { MovePlace } from '../protocol/resume-frame.ts';
import { CREDIT_BYTES, systemRandom, WINDOW_MS } from '../protocol/resume-machine.ts';

/** Options of a `ResumeTable`. */
export interface ResumeTableOptions {
  /** How long a client may be absent, in milliseconds; a client may ask for less. @default 60000 */
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
   * The bytes that each end may send without an acknowledgement, with 64 for each message; also the most that is kept for one
   * absent client.
   * @default 1048576
   */
  readonly creditBytes?: number;
  /**
   * The most clients that may be absent at a time; one more makes the table give one up. Clients that have not signed in, that
   * is, whose channel has no `PRINCIPAL`, are given up first. Among them, the table takes the address (or IPv6 /64 network) with
   * the most clients, and there the longest absent one.
   * @default 10000
   */
  readonly maxDetached?: number;
  /**
   * The most absent clients of one address, or one IPv6 /64 network, that have not signed in; above it, the longest absent one of
   * that address is given up.
   * @default 1000
   */
  readonly maxDetachedPerAddress?: number;
  /**
   * The most bytes that are kept for all absent clients together; above it, clients are given up as above `maxDetached`.
   * @default 268435456
   */
  readonly maxDetachedBytes?: number;
  /** How long a link may take to send its first frame. @default 5000 */
  readonly helloTimeoutMs?: number;
  /** The source of ids and secrets. @default crypto.randomBytes */
  readonly random?: (count: number) => Uint8Array;
  /**
   * The store of the channels, so that every process with the same log can continue them, even if this one is killed: each
   * message is in the log before it is acknowledged to the client, and before it is sent. `windowMs` is at most half of what the
   * log keeps.
   * @default none: channels end with their process
   */
  readonly log?: SessionLog;
  /**
   * How long the log may take for an answer, in milliseconds. After that, as after an error, the outcome is unknown: a record is
   * appended again, with twice the time at each try, up to eight times, and a client whose channel was being read must reconnect.
   * @default 10000
   */
  readonly logTimeoutMs?: number;
  /**
   * The most channels that are read from the log at a time, when very many clients come at once; the others wait for their turn.
   * If more than 1,024 are read or wait, further clients must reconnect.
   * @default 32
   */
  readonly maxReads?: number;
}

/** Options of `ResumeTable.move`. */
export interface MoveOptions {
  /** The time in milliseconds within which each client moves, at a random moment. @default 10000 */
  readonly spreadMs?: number;
  /** The places to move to. @default the addresses that the client has */
  readonly places?: readonly MovePlace[];
}

/** Options of `ResumeTable.take`. */
export interface TakeOptions {
  /** Builds the pipeline of the lasting channel, as that of the `ResumeHandler` does; there is no link yet. */
  readonly childHandler: (channel: LastingChannel) => unknown;
  /** Options of the lasting channel. @default the system's clock, the default logger */
  readonly childOptions?: ChannelOptions;
  /**
   * Restores the state that `save` gave; called when the pipeline is built, before its first message. An `AuthHandler` in the
   * pipeline does not authenticate again: the `PRINCIPAL` was handed over, or is set here.
   * @default the state is dropped
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
