import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';

/** Maximum payload of a control frame, in bytes (RFC 6455, section 5.5). */
export const MAX_CONTROL_BYTES = 125;

/**
 * A ping frame (RFC 6455, section 5.5.2). A WebSocket sends a ping ahead of waiting messages, and every peer answers pings,
 * including browsers. A `HeartbeatHandler` with `webSocketHeartbeat()` writes pings and consumes the answers.
 *
 * After its first ping, a pipeline reads the answers as {@link WebSocketPong}, and the pings of the peer, which the WebSocket has
 * already answered. Place the handler that writes pings before the codec, because WebSocket codecs drop pings and pongs. With
 * auto-read off, a pong fulfills a requested read, unless a `HeartbeatHandler` or a codec takes the pong.
 */
export class WebSocketPing {
  /** Payload of at most 125 bytes; `undefined` if the WebSocket assigns a number as the payload. */
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

/** The answer to a {@link WebSocketPing} that was written. A pong that answers no ping is never read. */
export class WebSocketPong {
  /** Payload of the answered ping. */
  readonly payload: Buffer;

  constructor(payload: Buffer) {
    this.payload = payload;
  }
}

/** Returns true for a ping or a pong, which are control frames of the pipeline. */
export function isControlMessage(message: unknown): message is WebSocketPing | WebSocketPong {
  return message instanceof WebSocketPing || message instanceof WebSocketPong;
}
