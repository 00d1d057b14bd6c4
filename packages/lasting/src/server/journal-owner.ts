import type { Buffer } from 'node:buffer';
import type { Channel, Clock } from '@headrace/core';
import type { LoggedSession, SessionLog } from '../log/session-log.ts';
import type { SessionHeader } from '../protocol/session-bytes.ts';

/** Application data of a channel for its log. */
export type Description = Pick<SessionHeader, 'isKnown' | 'principal' | 'saved'>;

/** The part of a header that the transport knows. */
export type TransportHeader = Omit<SessionHeader, keyof Description>;

/** Work that is now stored and was waiting for this. */
export interface StoredWork {
  /** Messages that the channel has written. */
  readonly messages: readonly Buffer[];
  /** Sizes of messages that the pipeline has read. */
  readonly sizes: readonly number[];
  readonly endReason: string | undefined;
}

/** The transport whose messages wait in a {@link Journal}. */
export interface JournalOwner {
  readonly clock: Clock;
  readonly channel: Channel | undefined;
  /** Bytes of stored messages that wait for the client's credit. */
  readonly waitingBytes: number;
  /** Number of bytes that the client's credit allows this end to send. */
  readonly roomBytes: number;
  /** Bytes that the channel has and has not passed to the transport. */
  readonly pendingBytes: number;
  /** Whether more is stored for the client than the channel may keep for it. */
  readonly isOverrun: boolean;
  /** Returns the stored state. `keptCount` counts all messages that the client does not have. */
  header(): TransportHeader;
  /** Returns these messages. */
  payloads(): Buffer[];
  /** Makes handlers write the messages that they hold until a flush. */
  flush(): void;
  /** Makes the channel write its pending output. */
  pull(): void;
  /** Returns `undefined` for a closed channel. Throws the error of `save`, or an error for a value that is not plain data. */
  describe(): Description | undefined;
  /** Called again and again while the log takes long to store work. */
  logWaits(): void;
  /** Called when work is stored, so that the client may see it. */
  stored(work: StoredWork): void;
  /** Called when the state that the client waits for is stored, so that the link can continue. */
  answered(): void;
  /** Called when another process continues the channel. */
  lost(): void;
  /** Called when the client receives too little of its messages. */
  overrun(): void;
  failed(error: Error): void;
}

/** Records that the log may still have of an ended channel. */
export interface LeftRecord {
  /** Id of the channel in the log. */
  readonly id: string;
  /** Last known revision. */
  readonly revision: string | undefined;
  /** Returns true if this writer has written the record with this name. The record can be later than `revision`. */
  hasWritten(name: string): boolean;
}

/** The log of a table, for the journals of the table. */
export interface JournalLog {
  readonly log: SessionLog;
  /**
   * Calls the log. Rejects if the log does not answer in time; the result is then unknown.
   *
   * @param tries - number of earlier failed tries
   */
  ask<T>(clock: Clock, question: () => Promise<T>, tries?: number): Promise<T>;
  /** Reads the records of a channel in turn. Rejects like `ask`. */
  read(name: string, clock: Clock): Promise<LoggedSession | undefined>;
  /** Reports that the log did not store a record. */
  complain(error: Error, channel: Channel | undefined): void;
  /** Reports that the log stores again. */
  works(): void;
  /** Reports an ended channel of which the log may have records. */
  left(record: LeftRecord, clock: Clock): void;
  /** Returns the name of a writer, by which other processes reach its table. */
  writer(id: string): string;
}
