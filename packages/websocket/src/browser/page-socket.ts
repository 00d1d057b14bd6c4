/** The part of a `WebSocket` that this package uses. Browsers, workers, and Node from version 22 have such a `WebSocket`. */
export interface PageSocket {
  binaryType: string;
  /** 1 while the WebSocket is open. Otherwise the browser drops output, even before it calls `onclose`. */
  readonly readyState: number;
  /** Bytes that were sent and that the browser has not passed to the network. */
  readonly bufferedAmount: number;
  /** Subprotocol that the server chose; empty if it chose none. */
  readonly protocol: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: PageClose) => void) | null;
  /** Called without a description of the error. `onclose` follows. */
  onerror: (() => void) | null;
  send(message: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** The close code and the text of a page's WebSocket. */
export interface PageClose {
  readonly code: number;
  readonly reason: string;
}

/** The `readyState` of an open WebSocket. */
export const OPEN = 1;
const NORMAL = 1000;
const SHUTDOWN = 1001;
/** First close code for applications. Of the protocol's close codes, a page can send only 1000. */
const FREE_CODES = 4000;

/** Returns the code that a page can send instead of a close code of the protocol, for example 4009 for 1009. */
export function pageCode(code: number): number {
  return code === NORMAL || code === SHUTDOWN ? NORMAL : FREE_CODES + (code % NORMAL);
}
