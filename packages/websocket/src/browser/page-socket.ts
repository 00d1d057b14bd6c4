/** The part of a page's `WebSocket` that is used: of browsers, of workers, of Node from version 22 on. */
export interface PageSocket {
  binaryType: string;
  /** 1 while it is open: what is sent later is dropped, though `onclose` has not been called. */
  readonly readyState: number;
  /** Bytes that were sent and that the browser has not given to the network. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server chose; empty if it chose none. */
  readonly protocol: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: PageClose) => void) | null;
  /** Says nothing: `onclose` follows. */
  onerror: (() => void) | null;
  send(message: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
}

/** How a page's WebSocket closed. */
export interface PageClose {
  readonly code: number;
  readonly reason: string;
}

/** `readyState` of an open one. */
export const OPEN = 1;
const NORMAL = 1000;
const SHUTDOWN = 1001;
/** Of the codes of the protocol a page may send 1000 alone; from here on they are the application's. */
const FREE_CODES = 4000;

/** The code that a page may send for one of the protocol's: 4009 for 1009. */
export function pageCode(code: number): number {
  return code === NORMAL || code === SHUTDOWN ? NORMAL : FREE_CODES + (code % NORMAL);
}
