/** What a log has of one lasting channel. */
export interface LoggedSession {
  /** From the last one that replaced those before it, in order. */
  readonly records: readonly Uint8Array[];
  /** Names the state of the log after the last record: the next one is appended after it. */
  readonly revision: string;
}

/** Where a record goes, see {@link SessionLog.append}. */
export interface AppendPlace {
  /** The revision that the writer knows; `undefined`: there is none yet. */
  readonly after: string | undefined;
  /** The records before this one are not needed any more. */
  readonly replaces: boolean;
}

/**
 * Where the lasting channels of several processes are kept, so that each of them can go on with any channel. Every process
 * reads what the others have written, and what was stored survives any of them. `redisSessionLog` and `jetStreamSessionLog` are
 * the logs for production, {@link memorySessionLog} is the one for tests.
 *
 * A log keeps records for each id, of at most 64 letters, digits, `-` and `_`. It decides one thing: of two processes that append
 * after the same revision one succeeds.
 */
export interface SessionLog {
  /** How long it keeps a channel after its last record, in milliseconds. */
  readonly keepMs: number;
  /** The records of a channel; `undefined` if there are none. Rejects if the log cannot be reached. */
  read(id: string): Promise<LoggedSession | undefined>;
  /**
   * Stores a record, and resolves with the revision after it; with `undefined`, and stores nothing, if the log has another
   * revision than `after`. A writer that does not know whether a record was stored appends it again: if the last record is the
   * same, byte for byte, resolves with its revision. Rejects if nobody knows whether it was stored; with an `EncodeError`
   * `MESSAGE_TOO_LONG` for a record that it never takes, which ends the channel.
   */
  append(id: string, record: Uint8Array, place: AppendPlace): Promise<string | undefined>;
  /** Forgets a channel, if the log has this revision. Rejects if the log cannot be reached. */
  remove(id: string, after: string): Promise<void>;
}
