import {
  type Context,
  EncodeError,
  type Handler,
  type MessageKinds,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { encodeOnce, kindOf, misorderOfWrites, readOn } from '@headrace/core/authoring';
import { isControlMessage } from './control-message.ts';
import { notText, TextMessage, type WebSocketInput } from './text-message.ts';

const KINDS: MessageKinds = { reads: 'text', passesOn: 'text', accepts: 'text' };

/**
 * Passes on only text messages, as strings in both directions. The handlers after the codec can be the same as after any frame
 * decoder and `StringCodec`.
 *
 * ```text
 *  websocket | [text] | idle | auth | chat
 * ```
 *
 * - **Place** First in the pipeline of a WebSocket.
 * - **In** `string` for a text message, `Buffer` for a binary one; pings and pongs that reach the codec are dropped.
 * - **Out** `string`; written strings become text messages.
 * - **Events** None.
 * - **Errors** `MESSAGE_INVALID` for a binary message; unhandled, the error closes the WebSocket with 1003. Text that is not
 *   UTF-8 (`TEXT_NOT_UTF8`) and too long messages (`FRAME_TOO_LONG`) are errors of the WebSocket itself and also pass the
 *   pipeline. `MESSAGE_NOT_ENCODABLE` fails the write of a value that is not a string, or that has half of a surrogate pair.
 * - **State** None; sharable.
 * - **Cost** One encoding per text; a broadcast encodes its text once for all members.
 * - **Pitfalls** A text that was cut within a character cannot be sent.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { type TextMessage, WebSocketTextCodec } from '@headrace/websocket';
 *
 * const channel = new EmbeddedChannel(new WebSocketTextCodec());
 * channel.writeInbound('hello');
 * channel.writeOutbound('HELLO');
 * console.log(channel.readInbound(), String(channel.readOutbound<TextMessage>()?.bytes));
 * // prints hello HELLO
 * ```
 * @see Netty's `TextWebSocketFrame`; RFC 6455, section 5.6
 */
export class WebSocketTextCodec implements Handler {
  declare readonly types: Types<{
    reads: WebSocketInput;
    passesOn: string;
    accepts: string;
    writes: TextMessage;
  }>;
  readonly sharable = true;
  readonly messageKinds: MessageKinds = KINDS;

  channelRead(ctx: Context<WebSocketTextCodec['types']>, message: WebSocketInput): void {
    if (typeof message !== 'string') {
      if (!isControlMessage(message)) throw notText(message);
      readOn(ctx);
      return;
    }
    ctx.fireChannelRead(message);
  }

  write(ctx: Context<WebSocketTextCodec['types']>, text: string): WriteFuture {
    if (typeof text !== 'string') {
      const why = misorderOfWrites(this, kindOf(text), undefined);
      throw new EncodeError('MESSAGE_NOT_ENCODABLE', why, { kind: kindOf(text) });
    }
    return ctx.write(encodeOnce('websocket-text', text, TextMessage.of));
  }
}
