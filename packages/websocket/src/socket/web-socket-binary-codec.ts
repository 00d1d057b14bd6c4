import type { Buffer } from 'node:buffer';
import {
  type Context,
  DecodeError,
  EncodeError,
  type Handler,
  type MessageKinds,
  type OutboundBytes,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { isOutboundBytes, kindOf, misorderOfWrites } from '@headrace/core/authoring';
import { isControlMessage } from './control-message.ts';
import type { WebSocketInput } from './text-message.ts';

const KINDS: MessageKinds = { reads: 'bytes', passesOn: 'bytes', accepts: 'bytes' };

/**
 * Passes only binary messages on: bytes in, bytes out, so that the handlers after it are the same as after any frame
 * decoder, for each message is a frame.
 *
 * ```text
 *  websocket | [binary] | heartbeat | resume
 * ```
 *
 * - **Place** first in the pipeline of a WebSocket.
 * - **In** `string` for a text message, `Buffer` for a binary one; pings and pongs that no handler before it took are
 *   dropped.
 * - **Out** `Buffer`; written bytes become binary messages.
 * - **Events** none.
 * - **Errors** `MESSAGE_INVALID` for a text message; unhandled, it closes with code 1003. Too long messages
 *   (`FRAME_TOO_LONG`) are the WebSocket's own errors and pass the pipeline, too. `MESSAGE_NOT_ENCODABLE` fails the
 *   write of a value that is not bytes.
 * - **State** none; sharable.
 * - **Cost** none beside that of the WebSocket.
 * - **Pitfalls** a byte decoder after it must not count on one message for each read: use it without frame decoders.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { WebSocketBinaryCodec } from '@headrace/websocket';
 *
 * const channel = new EmbeddedChannel(new WebSocketBinaryCodec());
 * channel.writeInbound(Buffer.from('hello'));
 * console.log(String(channel.readInbound()));
 * // prints hello
 * ```
 * @see Netty's `BinaryWebSocketFrame`; RFC 6455, section 5.6
 */
export class WebSocketBinaryCodec implements Handler {
  declare readonly types: Types<{
    reads: WebSocketInput;
    passesOn: Buffer;
    accepts: OutboundBytes;
    writes: OutboundBytes;
  }>;
  readonly sharable = true;
  readonly messageKinds: MessageKinds = KINDS;

  channelRead(ctx: Context<WebSocketBinaryCodec['types']>, message: WebSocketInput): void {
    if (typeof message === 'string') {
      const text = `a text message of ${message.length} characters, but only binary ones are allowed here`;
      throw new DecodeError('MESSAGE_INVALID', text, { characters: message.length });
    }
    if (!isControlMessage(message)) ctx.fireChannelRead(message);
  }

  write(ctx: Context<WebSocketBinaryCodec['types']>, bytes: OutboundBytes): WriteFuture {
    if (!isOutboundBytes(bytes)) {
      const why = misorderOfWrites(this, kindOf(bytes), undefined);
      throw new EncodeError('MESSAGE_NOT_ENCODABLE', why, { kind: kindOf(bytes) });
    }
    return ctx.write(bytes);
  }
}
