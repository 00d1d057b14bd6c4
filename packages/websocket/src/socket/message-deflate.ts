import type { Buffer } from 'node:buffer';

/** The `ws` library's permessage-deflate, of one WebSocket; the parts of it that we use, without the library's types. */
export interface MessageDeflate {
  /** Chooses one of the client's offers, and returns what is agreed on. Throws if it can take none. */
  accept(offers: readonly object[]): DeflateParameters;
  compress(bytes: Uint8Array, isLast: boolean, done: DeflateCallback): void;
  decompress(bytes: Uint8Array, isLast: boolean, done: DeflateCallback): void;
  cleanup(): void;
}

export interface DeflateParameters {
  readonly server_no_context_takeover?: boolean;
  readonly server_max_window_bits?: number;
}

type DeflateCallback = (error: (Error & { code?: string }) | null, bytes: Buffer) => void;
