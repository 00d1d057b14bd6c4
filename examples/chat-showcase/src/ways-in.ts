// One port, three ways in: the first bytes of a connection tell which. Each way ends in texts, for the same handlers.
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import {
  type Channel,
  DrainEvent,
  type Handler,
  type OutboundBytes,
  type Pipeline,
} from '@headrace/core';
import { isHttpRequest, ProtocolDetector } from '@headrace/handlers';
import { type WebSocketInput, type WebSocketOutput, WebSocketTextCodec } from '@headrace/websocket';
import { addFrames } from 'headrace-example-broadcast-chat';
import { OneLineHandler } from './lines.ts';

const MAX_LINE_BYTES = 8192;

type Bytes = Channel<Buffer, OutboundBytes>;
type Texts = Pipeline<string, string>;

export function addLines({ pipeline }: Bytes): Texts {
  return pipeline.addLast(
    // A person types slowly: the limit for idle connections is enough.
    new LineFrameDecoder({ maxLength: MAX_LINE_BYTES, failFast: true, frameTimeoutMs: false }),
    new StringCodec({ delimiter: '\n' }),
    new OneLineHandler(),
  );
}

export function addWebSocketTexts({ pipeline }: Channel<WebSocketInput, WebSocketOutput>): Texts {
  return pipeline.addLast(new WebSocketTextCodec());
}

export interface WaysIn {
  /** A peer that has shown no way by then speaks lines. */
  readonly timeoutMs: number;
  /** Called with the texts of a connection that speaks frames or lines. */
  texts(texts: Texts): void;
  /** Called with a connection that speaks HTTP. */
  http(channel: Bytes): void;
}

/** Looks at the first bytes of a connection and adds the handlers for its way in. */
export function detectWay({ timeoutMs, texts, http }: WaysIn): ProtocolDetector {
  return new ProtocolDetector({
    protocols: [
      {
        name: 'frames',
        // Frames are shorter than 64 KiB, so their length begins with a zero, which no text does.
        matches: (prefix) => prefix[0] === 0,
        install: (channel) => texts(addFrames(channel)),
      },
      { name: 'http', matches: isHttpRequest, install: http },
    ],
    otherwise: (channel) => texts(addLines(channel)),
    timeoutMs,
    handleTimeout: () => 'otherwise',
  });
}

/** Writes BYE to a connection that has sent nothing yet; stands before the detector, which ends without a word. */
export const earlyFarewell: Handler = {
  sharable: true,
  userEventTriggered(ctx, event) {
    const isUndecided = !ctx.channel.attributes.has(ProtocolDetector.PROTOCOL);
    if (event instanceof DrainEvent && isUndecided) {
      event.lastWord(() => ctx.write(Buffer.from('BYE\n')));
    }
    ctx.fireUserEventTriggered(event);
  },
};
