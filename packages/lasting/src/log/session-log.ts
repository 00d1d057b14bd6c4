/** The records of one lasting channel in a log. */
export interface LoggedSession {
  /** Records in order, beginning with the last record that replaced the earlier records. */
  readonly records: readonly Uint8Array[];
  /** Revision after the last record. The next record is appended after this revision. */
  readonly revision: string;
}

/** Place of a record in the log, see {@link SessionLog.append}. */
export interface AppendPlace {
  /** Last revision that the writer knows; `undefined` if no record exists. */
  readonly after: string | undefined;
  /** Whether the earlier records are no longer needed. */
  readonly replaces: boolean;
}

/**
 * A store for the lasting channels of several processes, so that each process can continue any channel. Every process can read
 * all records, and the records survive the processes. Use `sessionLogOf` with `natsBus` or `redisBus` for several machines, and with
 * `processBus` for the workers of one machine; use `memorySessionLog` for one process, for example in tests.
 *
 * A log keeps records for each id. An id has at most 64 letters, digits, `-` and `_`. If two processes append after the same
 * revision, only one process succeeds.
 */
export interface SessionLog {
  /** Time that the log keeps a channel after its last record, in milliseconds. */
  readonly keepMs: number;
  /** Reads the records of a channel; `undefined` if none exist. Rejects if the log is unreachable. */
  read(id: string): Promise<LoggedSession | undefined>;
  /**
   * Stores a record and resolves with the new revision. If the log's revision is not `after`, stores nothing and resolves with
   * `undefined`. A writer that does not know whether a record was stored appends it again. If the last record has the same bytes,
   * `append` resolves with its revision. Rejects if the result is unknown. Rejects with an `EncodeError` `MESSAGE_TOO_LONG` for a
   * record that the log never accepts, which ends the channel.
   */
  append(id: string, record: Uint8Array, place: AppendPlace): Promise<string | undefined>;
  /** Removes the records of a channel if the log has this revision. Rejects if the log is unreachable. */
  remove(id: string, after: string): Promise<void>;
}
