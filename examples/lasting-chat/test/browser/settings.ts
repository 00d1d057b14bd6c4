import type { Ledger } from './numbered-talk.ts';

/** So little that writers often wait for acknowledgements: some hundred messages are under way. */
export const CREDIT_BYTES = 65_536;

/** The page is busy after each so many messages, and reads none for so long at least: what came waits before its pipeline. */
export const BUSY = { afterMessages: 300, ms: 100 } as const;

/** The page counts how often a timer of so many milliseconds is called. */
export const TICK_MS = 20;

/** Each way, in the proof. */
export const MESSAGES = 20_000;

/** Between the page and its server: cuts, stalls and delays. */
export const WEATHER = {
  maxCuts: 100,
  maxBytes: 150_000,
  maxDelayMs: 5,
  maxStallMs: 1500,
} as const;

/** A lasting channel of the page that has ended. */
export interface EndedChannel {
  readonly reason: string;
  readonly code: string;
  /** The first and the last number, or zeros. */
  readonly unacknowledged: readonly [number, number];
  readonly written: number;
}

/** The page's program, for the test: the global `page`. */
export interface TalkingPage {
  readonly ledger: Ledger;
  readonly ends: EndedChannel[];
  /** Asks the server, over the lasting channel. */
  call(text: string): Promise<string>;
  /** Writes no more; returns how many were written. */
  stop(): number;
  /** How many messages of the present channel the server has not acknowledged. */
  unacknowledged(): number;
  /** How often its timer was called. */
  ticks(): number;
}
