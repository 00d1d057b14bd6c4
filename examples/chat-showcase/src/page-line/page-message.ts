// What the page and its own connection say to each other besides the chat. It goes as binary messages of the
// same WebSocket, so that no text that anybody writes can be taken for it, and other clients never see it.
import type { RoomFigures } from '../room/room.ts';
import type { Said } from '../room/said.ts';
import type { Ways } from '../room/way-feed.ts';

/** What the page asks for: one word, as UTF-8. */
export const PAGE_WORDS = [
  /** What was said last. */
  'history',
  /** How the members came in, now and from now on. */
  'ways',
  /** What happens in the pipeline of this connection, from now on, and no more. */
  'hood-on',
  'hood-off',
  /** Holds what is meant for this page, as if it had stopped reading. */
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
  /** Which directions it takes part in. */
  readonly reads: boolean;
  readonly writes: boolean;
  readonly events: boolean;
}

/** One pipeline: the connection's, or the one of the WebSocket on it. */
export interface DrawnLane {
  readonly title: string;
  readonly handlers: readonly DrawnHandler[];
}

/** What a handler did to a message: took it, made it, wrote it, held it back, or fired an event. */
export type Deed = 'took' | 'made' | 'wrote' | 'held' | 'fired';

/** `handler` is the number of handlers for what the room itself wrote. */
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

/** What the page is answered: JSON, as UTF-8. */
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
