/** The records of one lasting channel in a log. */
export interface LoggedSession {
  /** The records in order, from the last one that replaced all before it. */
  readonly records: readonly Uint8Array[];
  /** The state of the log after the last record; the next record is appended after it. */
  readonly revision: string;
}

/** The place of a record in the log, see {@link SessionLog.append}. */
export interface AppendPlace {
  /** The revision that the writer knows; `undefined` if there is none yet. */
  readonly after: string | undefined;
  /** True if the records before this one are not needed any more. */
  readonly replaces: boolean;
}

/**
 * The store of the lasting channels of several processes, so that each process can continue any channel. Every process reads the
 * records of the others, and stored records survive any of them. `redisSessionLog` and `jetStreamSessionLog` are the logs for
 * production, {@link memorySessionLog} is the one for tests.
 *
 * A log keeps records for each id, of at most 64 letters, digits, `-` and `_`. It guarantees one thing: of two processes that
 * append after the same revision, only one succeeds.
 */
export interface SessionLog {
  /** How long the log keeps a channel after its last record, in milliseconds. */
  readonly keepMs: number;
  /** Reads the records of a channel; `undefined` if there are none. Rejects if the log cannot be reached. */
  read(id: string): Promise<LoggedSession | undefined>;
  /**
   * Stores a record, and resolves with the revision after it; with
   * `undefined`, and stores nothing, if the log has another revision than `after`. A writer that does not know whether a record
   * was stored appends it again: if the last record is the same, byte for byte, resolves with its revision. Rejects if it is
   * unknown whether the record was stored, and with an `EncodeError` `MESSAGE_TOO_LONG` for a record that the log never takes,
   * which ends the channel.
   */
  append(id: string, record: Uint8Array, place: AppendPlace): Promise<string | undefined>;
  /** Forgets a channel, if the log has this revision. Rejects if the log cannot be reached. */
  remove(id: string, after: string): Promise<void>;
}
