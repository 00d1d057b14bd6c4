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
import { isOutboundBytes, kindOf, misorderOfWrites, readOn } from '@headrace/core/authoring';
import { isControlMessage } from './control-message.ts';
import type { WebSocketInput } from './text-message.ts';

const KINDS: MessageKinds = { reads: 'bytes', passesOn: 'bytes', accepts: 'bytes' };

/**
 * Passes on only binary messages, as bytes in both directions. Each message is a frame, so the handlers after the codec can be
 * the same as after any frame decoder.
 *
 * ```text
 *  websocket | [binary] | heartbeat | resume
 * ```
 *
 * - **Place** First in the pipeline of a WebSocket.
 * - **In** `string` for a text message, `Buffer` for a binary one; pings and pongs that reach the codec are dropped.
 * - **Out** `Buffer`; written bytes become binary messages.
 * - **Events** None.
 * - **Errors** `MESSAGE_INVALID` for a text message; unhandled, the error closes the WebSocket with 1003. Too long messages
 *   (`FRAME_TOO_LONG`) are errors of the WebSocket itself and also pass the pipeline. `MESSAGE_NOT_ENCODABLE` fails the write of
 *   a value that is not bytes.
 * - **State** None; sharable.
 * - **Cost** None in addition to the WebSocket's.
 * - **Pitfalls** A byte decoder after the codec must not expect one message for each read. Use the codec without frame decoders.
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
    if (isControlMessage(message)) readOn(ctx);
    else ctx.fireChannelRead(message);
  }

  write(ctx: Context<WebSocketBinaryCodec['types']>, bytes: OutboundBytes): WriteFuture {
    if (!isOutboundBytes(bytes)) {
      const why = misorderOfWrites(this, kindOf(bytes), undefined);
      throw new EncodeError('MESSAGE_NOT_ENCODABLE', why, { kind: kindOf(bytes) });
    }
    return ctx.write(bytes);
  }
}
