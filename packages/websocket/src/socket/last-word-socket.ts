import { NO_CODE } from './close-codes.ts';
import { WebSocket } from './ws-library.ts';
import type { CloseListener } from './ws-socket.ts';

/**
 * A `ws` WebSocket that leaves the last word to its channel. When the peer breaks the protocol, `ws` sends a
 * close frame at once, and nothing can be sent after it. Here that close waits: the error is reported to the
 * channel first, which may still send what was wrong, and closes by {@link finish}.
 */
export class LastWordSocket extends WebSocket {
  closeListener: CloseListener | undefined;
  /** The code that `ws` wanted to close with, while it waits for our close. */
  brokenCode: number | undefined;

  override close(code?: number, data?: string | Buffer): void {
    // For an error `ws` names the code alone; the answer to a close frame has the peer's text, or neither.
    if (code !== undefined && data === undefined && this.readyState === WebSocket.OPEN) {
      this.brokenCode = code;
      return;
    }
    super.close(code, data);
    this.closeListener?.peerClosed(code ?? NO_CODE, data === undefined ? '' : String(data));
  }

  /** Our own close. */
  finish(code: number, reason: string): void {
    super.close(this.brokenCode ?? code, reason);
  }
}
