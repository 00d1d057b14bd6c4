import type { BusSubscription } from './bus-subscription.ts';

/** A place in the log of a durable group. Positions of one epoch can be compared; those of two cannot. */
export interface LogPosition {
  /** Names the life of the log; it changes when the log was lost, or may have lost messages. It has no `:` and no white space. */
  readonly epoch: string;
  /** The number of the message; it grows with each message of the group, not always by 1. */
  readonly offset: number;
}

/** One stored message. */
export interface LogEntry {
  /** Where it is stored. */
  readonly position: LogPosition;
  /**
   * The offset of the previous message in this log: a reader whose last offset differs has missed messages. 0 for the first
   * message, and for the first of a page if the log no longer knows the one before.
   */
  readonly previous: number;
  /**
   * The id that the writer gave; a message with a known id is not stored again within two minutes. A log in memory knows the
   * newest 131,072 ids at most.
   */
  readonly id: string;
  /** The appended bytes. */
  readonly bytes: Buffer;
}

/**
 * The least that a log keeps of each group; an engine may keep more, and a log in memory keeps 64 MiB at most, with
 * 320 bytes and its id for each message. `Infinity` means no limit.
 */
export interface LogLimits {
  /** The number of newest messages that are kept. */
  readonly messages: number;
  /** The age up to which messages are kept, in milliseconds. */
  readonly ageMs: number;
}

/** The entries of a log after a position. */
export interface LogPage {
  /** The epoch of the log now. */
  readonly epoch: string;
  /** In order. */
  readonly entries: readonly LogEntry[];
  /** The offset of the oldest message that is still there; 0 if there is none. */
  readonly first: number;
  /**
   * The offset of the newest message, including messages that are gone by now; 0 if there was none. If all are gone, an engine
   * may give a higher one, so that a reader never takes a gap for the end.
   */
  readonly last: number;
}

/**
 * The store of an engine, over one link. Streams have the names that `Subjects.stream()` gives: `hr.<app>.d.<group>`. The link
 * repeats nothing. Calls that are under way when the link ends need not settle.
 */
export interface LogLink {
  /** Makes the stream if it does not exist, and sets its limits. */
  open(stream: string, limits: LogLimits): Promise<void>;
  /**
   * Stores a message after those of earlier calls on this link, and sends it to all followers. If the log has the id already,
   * resolves with its position.
   */
  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition>;
  /** Reads up to `limit` messages after an offset, at least one if there is any; 0 begins with the oldest. */
  read(stream: string, after: number, limit: number): Promise<LogPage>;
  /**
   * Calls back with messages appended from now on, as far as they arrive; in force when the link's `settled()` resolves. Called
   * once for each stream, and again after that subscription was closed.
   */
  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription;
}

/**
 * The store of a bus for durable groups: what a {@link LogLink} does, over links that come and go. Streams have the
 * names that `Subjects.stream()` gives.
 */
export interface Log {
  /**
   * Makes the stream if it does not exist. If this rejects with `BUS_DOWN`, the stream is opened later, when the bus is up and a
   * call needs it.
   */
  open(stream: string, limits: LogLimits): Promise<void>;
  /**
   * Stores a message once, after those of earlier calls for this stream. If the link is lost meanwhile, the message is sent again
   * with its id. Rejects with `BUS_DOWN` if 5 s were not enough, and it is unknown whether the message was stored; also at once
   * if too much waits already. The stream must have been given to {@link open}.
   */
  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition>;
  /** Reads up to `limit` messages after an offset; 0 begins with the oldest. Rejects with `BUS_DOWN`. */
  read(stream: string, after: number, limit: number): Promise<LogPage>;
  /**
   * Calls back with appended messages, as far as they arrive; the caller fills gaps. The subscription is in force again before
   * the bus announces `up`, so a reader that then reads the log after its last position has everything. The stream must have been
   * given to {@link open}.
   */
  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription;
}
