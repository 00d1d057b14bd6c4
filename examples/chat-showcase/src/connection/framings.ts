// Three ways to put one text after the other. What comes out of each is strings, and what goes in, too.
import {
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  StringCodec,
} from '@headrace/codec';
import type { Channel, OutboundBytes, Pipeline } from '@headrace/core';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import { AnnouncementFramesHandler } from './announcement-frames-handler.ts';
import { ChatTextCodec } from './chat-text-codec.ts';
import { OneLineHandler } from './one-line-handler.ts';

/** The longest message in a frame or WebSocket, in bytes: the first byte of a frame is always 0. */
export const MAX_MESSAGE_BYTES = 65_535;
export const MAX_LINE_BYTES = 8192;
const LENGTH_BYTES = 4;

/** Whoever types slowly is not slow reading: the time limit for idle connections is enough. */
const frameTimeoutMs = false;

type Bytes = Channel<Buffer, OutboundBytes>;
type Texts = Pipeline<string, string>;

export function addFrames({ pipeline }: Bytes): Texts {
  const prepender = new LengthFieldPrepender({
    lengthFieldLength: LENGTH_BYTES,
    otherMessages: 'pass-on',
  });
  return pipeline.addLast(
    new LengthFieldFrameDecoder({
      maxFrameLength: MAX_MESSAGE_BYTES + LENGTH_BYTES,
      lengthFieldLength: LENGTH_BYTES,
      initialBytesToStrip: LENGTH_BYTES,
      frameTimeoutMs,
    }),
    new AnnouncementFramesHandler(prepender),
    prepender,
    new StringCodec({ otherMessages: 'pass-on' }),
  );
}

export function addLines({ pipeline }: Bytes): Texts {
  return pipeline.addLast(
    new LineFrameDecoder({ maxLength: MAX_LINE_BYTES, failFast: true, frameTimeoutMs }),
    new StringCodec({ delimiter: '\n' }),
    new OneLineHandler(),
  );
}

export function addWebSocketTexts({ pipeline }: Channel<WebSocketInput, WebSocketOutput>): Texts {
  // The panel under the hood shows it by the name of its base.
  return pipeline.addLast('WebSocketTextCodec', new ChatTextCodec());
}
