import type { BusSubscription } from '@headrace/bus';
import type { GroupPosition } from '@headrace/client';
import { checkNumber } from '@headrace/core/authoring';

/** A place in a log, as a client keeps it. Two positions can be compared if they have the same epoch. */
export type LogPosition = GroupPosition;

/** One stored message. */
export interface LogEntry {
  readonly position: LogPosition;
  /**
   * Offset of the previous message in this log. A reader whose last offset differs has missed messages. The value is 0 for the
   * first message, and for the first message of a page if the log no longer knows the previous message.
   */
  readonly previous: number;
  /**
   * Id from the writer. A message with a known id is not stored again within two minutes. A log in memory knows at most the
   * newest 131,072 ids.
   */
  readonly id: string;
  /** The appended bytes. */
  readonly bytes: Buffer;
}

/**
 * The minimum that a log keeps of each group. An engine can keep more. A log in memory keeps at most 64 MiB, including 320 bytes
 * and the id for each message. `Infinity` means no limit.
 */
export interface LogLimits {
  /** Number of newest messages that are kept. */
  readonly messages: number;
  /** Age up to which messages are kept, in milliseconds. */
  readonly ageMs: number;
}

/** The entries of a log after a position. */
export interface LogPage {
  readonly epoch: string;
  /** The entries in the order of the log. */
  readonly entries: readonly LogEntry[];
  /** Offset of the oldest message in the log, or 0 without messages. */
  readonly first: number;
  /**
   * Offset of the newest message, even if the log no longer has it, or 0 if there was none. If the log has no messages left, an
   * engine may return a higher offset, so that a reader never mistakes a gap for the end.
   */
  readonly last: number;
  /**
   * The part that the log has in common with its earlier epochs, if it may have lost messages: all entries up to `offset`, without
   * those between `after` and `before` of each pair of `lost`. The earlier epochs begin with `base`.
   */
  readonly common?:
    | {
        readonly base: string;
        readonly offset: number;
        readonly lost?: readonly { readonly after: number; readonly before: number }[];
      }
    | undefined;
}

/**
 * Returns the offset up to which a log has all entries that a reader of an earlier epoch has: its own offset if nothing that it has
 * was lost, and 0 for another log. Of another epoch, everything after this offset is new for the reader.
 */
export function commonOffset({ epoch, offset }: LogPosition, { common }: LogPage): number {
  if (common === undefined || !epoch.startsWith(common.base)) return 0;
  const gap = common.lost?.find(({ after, before }) => after < offset && offset < before);
  return Math.min(gap?.after ?? offset, common.offset);
}

/**
 * The store of an engine, over one link. Stream names come from `Subjects.stream()`: `hr.<app>.d.<group>`. The link does not
 * retry. Calls under way when the link ends need not settle.
 */
export interface LogLink {
  /** Makes the stream if it does not exist, and sets its limits. */
  open(stream: string, limits: LogLimits): Promise<void>;
  /**
   * Stores a message after the messages of earlier calls on this link, and sends it to all followers. If the log has the id
   * already, resolves with its position. Rejects with an `EncodeError` `MESSAGE_TOO_LONG` for a message that the engine never
   * stores. Any other rejection is tried again.
   */
  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition>;
  /**
   * Reads up to `limit` messages after an offset, and at least one if there is one. The offset 0 begins with the oldest message.
   */
  read(stream: string, after: number, limit: number): Promise<LogPage>;
  /**
   * Calls the listener with the messages that are appended from now on. Messages can be lost. The subscription is in force when
   * `settled()` of the link resolves. Called once for each stream, and again after that subscription was closed.
   */
  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription;
  /**
   * Forgets what this process keeps for a stream that nobody here uses now, so that names that come and go fill no memory. What is
   * stored stays, and a later `open` begins again.
   */
  release?(stream: string): void;
}

/**
 * The store of a bus for durable groups. A log works like a {@link LogLink}, but continues over new links. Stream names come from
 * `Subjects.stream()`.
 */
export interface Log {
  /**
   * Makes the stream if it does not exist. If the promise rejects with `BUS_DOWN`, the stream is opened later, when the bus is up
   * and a call needs it.
   */
  open(stream: string, limits: LogLimits): Promise<void>;
  /**
   * Stores a message once, after the messages of earlier calls for this stream. After a loss of the link, the message is sent
   * again with its id. Rejects with `BUS_DOWN` after 5 s, although the message may be stored then. Also rejects at once if too
   * many messages wait. Needs an earlier call of {@link open}.
   */
  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition>;
  /** Reads up to `limit` messages after an offset. The offset 0 begins with the oldest message. Rejects with `BUS_DOWN`. */
  read(stream: string, after: number, limit: number): Promise<LogPage>;
  /**
   * Calls the listener with appended messages. Messages can be lost, and the caller fills the gaps. After a loss of the bus, the
   * subscription is in force again before `up`, so a reader that then reads the log after its last position misses nothing. Needs
   * an earlier call of {@link open}.
   */
  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription;
}

/** Returns the limits. @throws OptionError for a limit that is not valid */
export function checkLogLimits({ messages, ageMs }: LogLimits): LogLimits {
  checkNumber('messages', messages, { min: 1, integer: true });
  checkNumber('ageMs', ageMs, { min: 1 });
  return { messages, ageMs };
}
