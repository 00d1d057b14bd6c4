// The pipeline of one connection: bytes, frames, texts, and what the chat does with a text.
import { LengthFieldFrameDecoder, LengthFieldPrepender, StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes, Pipeline } from '@headrace/core';
import { FlowControlHandler, HeartbeatHandler } from '@headrace/handlers';
import type { ChannelScope } from '@headrace/inject';
import {
  ChatAuthHandler,
  ChatBroadcastHandler,
  ChatEchoHandler,
  ChatIdleCloseHandler,
  ChatIdleHandler,
  LastWordsHandler,
  TrimHandler,
} from './chat-handlers.ts';

/** The longest text that a client may send, in bytes. */
export const MAX_MESSAGE_BYTES = 65_535;
const LENGTH_BYTES = 4;

/**
 * Adds the handlers between bytes and texts.
 *
 * ```text
 *  wire   00 00 00 05 68 65 6C 6C 6F      the length in 4 bytes, big-endian, then the text in UTF-8
 *  text   hello
 * ```
 */
export function addFrames(
  { pipeline }: Channel<Buffer, OutboundBytes>,
  maxMessageBytes: number = MAX_MESSAGE_BYTES,
): Pipeline<string, string> {
  return pipeline.addLast(
    new LengthFieldFrameDecoder({
      maxFrameLength: maxMessageBytes + LENGTH_BYTES,
      lengthFieldLength: LENGTH_BYTES,
      initialBytesToStrip: LENGTH_BYTES,
      // The idle limit counts complete messages: it closes slow senders, too.
      frameTimeoutMs: false,
    }),
    new LengthFieldPrepender({ lengthFieldLength: LENGTH_BYTES }),
    new StringCodec(),
  );
}

/**
 * Adds the chat's handlers, made by the connection's container. A text passes them from the top to the bottom; a reply
 * starts at the handler that writes it and passes them upwards.
 */
export function addChat(scope: ChannelScope, texts: Pipeline<string, string>): void {
  texts.addLast(
    scope.resolve(ChatIdleHandler),
    scope.resolve(ChatIdleCloseHandler),
    scope.resolve(LastWordsHandler),
    scope.resolve(TrimHandler),
    // Answers PING with PONG, before the sign-in as well as after it.
    scope.resolve(HeartbeatHandler<string>),
    // Keeps the messages of one read while a broadcast to a large group holds this connection's reads.
    scope.resolve(FlowControlHandler),
    scope.resolve(ChatAuthHandler),
    scope.resolve(ChatEchoHandler),
    scope.resolve(ChatBroadcastHandler),
  );
}
