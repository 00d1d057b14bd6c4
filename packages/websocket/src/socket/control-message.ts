import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';

/** The longest payload of a frame without data (RFC 6455, section 5.5). */
export const MAX_CONTROL_BYTES = 125;

/**
 * A ping frame (RFC 6455, section 5.5.2). A WebSocket sends it past the messages that wait, and every peer answers it, a
 * browser too. A `HeartbeatHandler` with `webSocketHeartbeat()` writes pings and takes the answers.
 *
 * From the first ping that a pipeline writes it reads the answers, as {@link WebSocketPong}, and the peer's pings, which
 * have been answered. The handler that writes pings stands before the codec; codecs of WebSockets drop what nobody took.
 * With auto-read off an answer is the message that was asked for, unless a `HeartbeatHandler` takes it.
 */
export class WebSocketPing {
  /** At most 125 bytes; `undefined` if the WebSocket is to number the pings that it sends. */
  readonly payload: Buffer | undefined;

  /** @throws EncodeError `MESSAGE_TOO_LONG` for more than 125 bytes */
  constructor(payload?: Uint8Array) {
    const bytes = payload?.length ?? 0;
    if (bytes > MAX_CONTROL_BYTES) {
      const text = `a ping has ${bytes} bytes, but may have ${MAX_CONTROL_BYTES}`;
      throw new EncodeError('MESSAGE_TOO_LONG', text, { bytes, maxBytes: MAX_CONTROL_BYTES });
    }
    this.payload = payload && Buffer.from(payload);
  }
}

/** The answer to a {@link WebSocketPing} that was written. One that answers none is never read. */
export class WebSocketPong {
  /** That of the ping. */
  readonly payload: Buffer;

  constructor(payload: Buffer) {
    this.payload = payload;
  }
}

/** A frame without data, as a message of the pipeline. */
export function isControlMessage(message: unknown): message is WebSocketPing | WebSocketPong {
  return message instanceof WebSocketPing || message instanceof WebSocketPong;
}
