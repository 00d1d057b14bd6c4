import { checkNumber } from '@headrace/core/authoring';

/** The records of one key. */
export interface KeyRecords {
  /** Records in order, beginning with the last record that replaced the earlier records. */
  readonly records: readonly Buffer[];
  /** Revision after the last record. The next record is appended after this revision. */
  readonly revision: string;
}

/** A record of one key. The store does not read the bytes. */
export interface RecordWrite {
  /** Name of the key: at most 64 letters, digits, `-` and `_`. */
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Last revision that the writer knows; `undefined` if the key has no record. */
  readonly after: string | undefined;
  /** Whether the earlier records of the key are no longer needed. */
  readonly replaces: boolean;
}

/** The limits of records. Nodes can have different ones: an engine keeps a key for the longest time. */
export interface RecordLimits {
  /** Time that a key is kept after its last record, in milliseconds. */
  readonly keepMs: number;
}

/**
 * The store of an engine for records, over one link. Each key has a chain of records: a record extends the chain, or replaces it. Of
 * several writers that append after the same revision, one succeeds. Keys have no common order. Stream names look like
 * `hr.<app>.k.<name>`. The link does not retry. Calls under way when the link ends need not settle.
 *
 * No revision is used twice: also not after the store has lost its newest records, because it lost its disk, was restored from an
 * older copy, or was emptied. A writer whose record was lost therefore gets a conflict, and never adds to the records of another
 * writer that went on from an older record.
 */
export interface RecordLink {
  /** Makes the stream if it does not exist, and sets its limits. */
  open(stream: string, limits: RecordLimits): Promise<void>;
  /**
   * Stores a record and resolves with the new revision. If the revision of the key is not `after`, stores nothing and resolves with
   * `undefined`. A writer that does not know whether a record was stored appends it again: if the last record has the same bytes,
   * resolves with its revision. Rejects with an `EncodeError` `MESSAGE_TOO_LONG` for a record that the engine never stores. After any
   * other rejection, the record may be stored.
   */
  append(stream: string, write: RecordWrite): Promise<string | undefined>;
  /** Reads the records of a key; `undefined` if none exist. Sees all records that were acknowledged before the call. */
  read(stream: string, key: string): Promise<KeyRecords | undefined>;
  /** Removes the records of a key if the key has this revision. */
  remove(stream: string, key: string, after: string): Promise<void>;
}

/**
 * The store of a bus for records. It works like a {@link RecordLink}, but continues over new links. A call is not repeated: it
 * rejects with `BUS_DOWN` while the bus is down, when the link is lost, or without an answer within 30 s. Needs an earlier call of
 * `open`, which rejects with `BUS_DOWN` if the stream is opened later.
 */
export interface Records extends RecordLink {}

/** Returns the limits. @throws OptionError for a limit that is not valid */
export function checkRecordLimits({ keepMs }: RecordLimits): RecordLimits {
  checkNumber('keepMs', keepMs, { min: 1, max: Number.MAX_SAFE_INTEGER });
  return { keepMs };
}
