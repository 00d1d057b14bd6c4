/** Is notified when the peer wants to close. */
export interface CloseListener {
  /** The peer has sent its close frame; the answer to it is being sent. */
  peerClosed(code: number, reason: string): void;
}

/**
 * What we use of a WebSocket of the `ws` library. Any will do; a `LastWordSocket`, as our servers and clients
 * make, also reports the peer's close frame at once, and lets handlers answer a broken message before the close.
 */
export interface WsSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly isPaused: boolean;
  /** The subprotocol agreed on, empty if none. */
  readonly protocol: string;
  send(
    data: string | Uint8Array,
    options: { readonly binary: boolean },
    callback?: (error?: Error) => void,
  ): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: (code: number, reason: Buffer) => void): unknown;
  on(event: 'open', listener: () => void): unknown;

  closeListener?: CloseListener | undefined;
  readonly brokenCode?: number | undefined;
  finish?(code: number, reason: string): void;
}

export const CONNECTING = 0;
export const OPEN = 1;
