import type { Buffer } from 'node:buffer';
import type { Channel, Clock } from '@headrace/core';
import type { LoggedSession, SessionLog } from '../log/session-log.ts';
import type { SessionHeader } from '../protocol/session-bytes.ts';

/** What the application knows of a channel, for its log. */
export type Description = Pick<SessionHeader, 'isKnown' | 'principal' | 'saved'>;

/** The rest of a header: what the transport knows. */
export type TransportHeader = Omit<SessionHeader, keyof Description>;

/** What is stored now, and has been waiting for that. */
export interface StoredWork {
  /** Written by the channel. */
  readonly messages: readonly Buffer[];
  /** The sizes of messages that the pipeline has taken. */
  readonly sizes: readonly number[];
  readonly endReason: string | undefined;
}

/** The transport whose messages wait in a {@link Journal}. */
export interface JournalOwner {
  readonly clock: Clock;
  readonly channel: Channel | undefined;
  /** Bytes of stored messages that wait for the credit of the client. */
  readonly waitingBytes: number;
  /** What the client lets this end send. */
  readonly roomBytes: number;
  /** What the channel has, and the transport not yet. */
  readonly pendingBytes: number;
  /** More is stored for the client than the channel may keep for it. */
  readonly isOverrun: boolean;
  /** What is stored; `keptCount` counts all messages that the client does not have. */
  header(): TransportHeader;
  /** Those messages. */
  payloads(): Buffer[];
  /** Handlers write what they hold until a flush. */
  flush(): void;
  /** The channel writes what it has. */
  pull(): void;
  /** `undefined` for a channel that has closed. Throws what `save` throws, and for a value that is not plain data. */
  describe(): Description | undefined;
  /** Work is stored, and may be seen by the client. */
  stored(work: StoredWork): void;
  /** The state that the client was promised is stored: the link goes on. */
  answered(): void;
  /** Another process goes on with the channel. */
  lost(): void;
  /** The client takes too little of what is written for it. */
  overrun(): void;
  failed(error: Error): void;
}

/** What the log may still have of a channel that has ended. */
export interface LeftRecord {
  /** Of the channel, in the log. */
  readonly id: string;
  /** The last one that is known. */
  readonly revision: string | undefined;
  /** Records of this writer may have come after it. */
  hasWritten(name: string): boolean;
}

/** The log of a table, as each journal of the table uses it. */
export interface JournalLog {
  readonly log: SessionLog;
  /**
   * What the log answers; rejects if it does not do so in time; it is then unknown what it has done.
   *
   * @param tries - that have failed before this one
   */
  ask<T>(clock: Clock, question: () => Promise<T>, tries?: number): Promise<T>;
  /** Reads the records of a channel, when it is their turn; as `ask`. */
  read(name: string, clock: Clock): Promise<LoggedSession | undefined>;
  /** The log did not store something. */
  complain(error: Error, channel: Channel | undefined): void;
  /** The log stores again. */
  works(): void;
  /** The log may have records of a channel that has ended. */
  left(record: LeftRecord, clock: Clock): void;
}
