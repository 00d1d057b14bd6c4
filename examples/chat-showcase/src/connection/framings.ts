// Three framings: the handlers between the bytes or messages of a connection and its texts.
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes, Pipeline } from '@headrace/core';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import { addFrames as addPlainFrames } from 'headrace-example-broadcast-chat';
import { AnnouncementFramesHandler } from './announcement-frames-handler.ts';
import { ChatTextCodec } from './chat-text-codec.ts';
import { OneLineHandler } from './one-line-handler.ts';

const MAX_LINE_BYTES = 8192;

const announcementFrames = new AnnouncementFramesHandler();

type Bytes = Channel<Buffer, OutboundBytes>;
type Texts = Pipeline<string, string>;

export function addFrames(channel: Bytes): Texts {
  return addPlainFrames(channel).addLast(announcementFrames);
}

export function addLines({ pipeline }: Bytes): Texts {
  return pipeline.addLast(
    // A person types slowly: the limit for idle connections is enough.
    new LineFrameDecoder({ maxLength: MAX_LINE_BYTES, failFast: true, frameTimeoutMs: false }),
    new StringCodec({ delimiter: '\n' }),
    new OneLineHandler(),
  );
}

export function addWebSocketTexts({ pipeline }: Channel<WebSocketInput, WebSocketOutput>): Texts {
  // The panel under the hood shows it by the name of its base.
  return pipeline.addLast('WebSocketTextCodec', new ChatTextCodec());
}
