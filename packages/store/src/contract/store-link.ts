import type { BusSubscription } from '@headrace/bus';
import type { EngineAnswers } from '@headrace/bus/authoring';
import type { Clock, Logger } from '@headrace/core';
import type { LogEntry, LogLimits, LogPage, LogPosition } from './log.ts';
import type { StateAnswer, StateEntry, StateLimits, StatePage, StateWrite } from './state-log.ts';

/** The types of a store: of a log of messages, or of a state by key. */
export interface StoreKind {
  readonly limits: object;
  readonly write: { readonly byteLength: number };
  readonly answer: unknown;
  readonly entry: object;
  readonly page: { readonly entries: readonly object[] };
}

/** A log of messages. */
export interface LogKind {
  readonly limits: LogLimits;
  readonly write: Uint8Array;
  readonly answer: LogPosition;
  readonly entry: LogEntry;
  readonly page: LogPage;
}

/** A state by key. */
export interface StateKind {
  readonly limits: StateLimits;
  readonly write: StateWrite;
  readonly answer: StateAnswer;
  readonly entry: StateEntry;
  readonly page: StatePage;
}

/** A `LogLink` or a `StateLink`. */
export interface StoreLink<K extends StoreKind> {
  open(stream: string, limits: K['limits']): Promise<void>;
  append(stream: string, id: string, write: K['write']): Promise<K['answer']>;
  read(stream: string, after: number, limit: number): Promise<K['page']>;
  follow(stream: string, listener: (entry: K['entry']) => void): BusSubscription;
  /** Forgets what this process keeps for a stream that nobody here uses now. A later `open` begins again. */
  release?(stream: string): void;
  waitsFor?(stream: string, id: string): string | undefined;
}

/** The answers of an engine, for its stores. */
export type StoreAnswers = EngineAnswers<{ readonly clock: Clock; readonly logger: Logger }>;
