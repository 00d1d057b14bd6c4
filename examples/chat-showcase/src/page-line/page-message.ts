// The messages between the page and its own connection besides the chat. They are binary messages of the same
// WebSocket: no text of a member can be taken for one, and other clients never get them.
import type { RoomFigures } from '../room/room.ts';
import type { Said } from '../room/said.ts';
import type { Ways } from '../room/way-feed.ts';

/** The page's requests: one word, as UTF-8. */
export const PAGE_WORDS = [
  /** The last messages. */
  'history',
  /** How the members came in, now and from now on. */
  'ways',
  /** The steps in the pipeline of this connection, from now on, and no more. */
  'hood-on',
  'hood-off',
  /** Holds this page's output, as if the page had stopped reading. */
  'slow',
  /** Resets the connection. */
  'cut',
  /** Shortens the idle limit of this connection, and puts it back. */
  'silent',
  'speak',
] as const;

export type PageWord = (typeof PAGE_WORDS)[number];

/** One handler as it is drawn. */
export interface DrawnHandler {
  readonly name: string;
  /** The directions in which it takes part. */
  readonly reads: boolean;
  readonly writes: boolean;
  readonly events: boolean;
}

/** One pipeline: the connection's, or the one of the WebSocket on it. */
export interface DrawnLane {
  readonly title: string;
  readonly handlers: readonly DrawnHandler[];
}

/** A handler's work on a message: took it, made it, wrote it, held it back, or fired an event. */
export type Deed = 'took' | 'made' | 'wrote' | 'held' | 'fired';

/** `handler` is the number of handlers for messages of the room itself. */
export interface Step {
  readonly lane: number;
  readonly handler: number;
  readonly deed: Deed;
  readonly kind: 'bytes' | 'frame' | 'text' | 'event' | 'object';
  readonly what: string;
}

/** How the connection is, and the room: of the members nothing but their number. */
export interface Vitals {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of the bytes out, those of this panel. */
  readonly ownBytes: number;
  readonly waitingBytes: number;
  readonly maxWaitingBytes: number;
  readonly isWritable: boolean;
  readonly readHolds: readonly string[];
  readonly idleLimitMs: number;
  readonly room: RoomFigures;
}

/** The answers to the page: JSON, as UTF-8. */
export type PageMessage =
  | {
      readonly kind: 'history';
      readonly epoch: string;
      readonly total: number;
      readonly messages: readonly Said[];
    }
  | { readonly kind: 'ways'; readonly ways: Ways }
  | { readonly kind: 'pipeline'; readonly lanes: readonly DrawnLane[] }
  | { readonly kind: 'steps'; readonly steps: readonly Step[]; readonly skipped: number }
  | ({ readonly kind: 'vitals' } & Vitals);

/** The word, if the page may say it. */
export function pageWord(bytes: Buffer): PageWord | undefined {
  if (bytes.length > 16) return undefined;
  const text = bytes.toString('latin1');
  return PAGE_WORDS.find((word) => word === text);
}

export function encodePageMessage(message: PageMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}
