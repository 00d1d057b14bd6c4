import type { BusSubscription } from './bus-subscription.ts';

/** A place in the log of a durable group. Positions of one epoch can be compared; those of two cannot. */
export interface LogPosition {
  /** Changes when the log was lost, or may have lost something. It has no `:` and no white space. */
  readonly epoch: string;
  /** Grows with each message of the group, not always by 1. */
  readonly offset: number;
}

/** One stored message. */
export interface LogEntry {
  /** Where it is stored. */
  readonly position: LogPosition;
  /**
   * The offset of the message before it in this log: a reader at another offset has a hole. 0 for the first, and for the
   * first of a page if the log no longer knows what was before it.
   */
  readonly previous: number;
  /**
   * Given by the writer; written again within two minutes, it is not stored again. A log in memory knows the newest
   * 131,072 at most.
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
  /** The number of the newest messages. */
  readonly messages: number;
  /** The age of the oldest messages, in milliseconds. */
  readonly ageMs: number;
}

/** The entries of a log after a position. */
export interface LogPage {
  /** Of the log as it is now. */
  readonly epoch: string;
  /** In order. */
  readonly entries: readonly LogEntry[];
  /** The offset of the oldest message that is still there; 0 if there is none. */
  readonly first: number;
  /**
   * The offset of the newest message, also of those that are gone by now; 0 if there was none. Where all are gone, an
   * engine may give a higher one: a reader never takes a hole for the end.
   */
  readonly last: number;
}

/**
 * The store of an engine, over one link. Streams have the names that `Subjects.stream()` gives: `hr.<app>.d.<group>`.
 * Nothing is repeated here. Calls that are not settled when the link ends need not settle any more.
 */
export interface LogLink {
  /** Makes the stream if it is not there, and sets its limits. */
  open(stream: string, limits: LogLimits): Promise<void>;
  /**
   * Stores a message behind those whose appends were called before on this link; at the same time it goes to all who
   * follow. If the id is there already, resolves with the position it has.
   */
  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition>;
  /** Up to `limit` messages after an offset, at least one if there is any; 0 begins with the oldest. */
  read(stream: string, after: number, limit: number): Promise<LogPage>;
  /**
   * Calls back with what is appended from now on, as far as it arrives; in force when the link's `settled()` says so.
   * Called once for each stream, and again after that subscription was closed.
   */
  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription;
}

/**
 * The store of a bus for durable groups: what a {@link LogLink} does, over links that come and go. Streams have the
 * names that `Subjects.stream()` gives.
 */
export interface Log {
  /**
   * Makes the stream if it is not there. Rejects with `BUS_DOWN`; the stream is known anyway, and opened when the
   * bus is up and a call needs it.
   */
  open(stream: string, limits: LogLimits): Promise<void>;
  /**
   * Stores a message once, behind those of earlier calls for this stream, even when the link is lost meanwhile: it is
   * repeated with its id. Rejects with `BUS_DOWN` when it could not be stored for 5 s, then it is unknown whether it
   * was; and at once when too much waits already. The stream must have been given to {@link open}.
   */
  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition>;
  /** Up to `limit` messages after an offset; 0 begins with the oldest. Rejects with `BUS_DOWN`. */
  read(stream: string, after: number, limit: number): Promise<LogPage>;
  /**
   * Calls back with what is appended, as far as it arrives: holes are the caller's to fill. It is in force again before
   * the bus announces `up`: a reader that then reads the log after its last position has everything. The stream must have been
   * given to {@link open}.
   */
  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription;
}
