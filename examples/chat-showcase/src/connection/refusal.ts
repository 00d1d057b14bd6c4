// A connection over the limit: it gets the reason in its own framing, then it is closed.
import type { Channel, Pipeline, RejectedError } from '@headrace/core';
import { ProtocolDetector } from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import { HttpEndpoint } from '@headrace/websocket';
import { PeerLog } from '../room/peer-log.ts';
import { addFrames, addLines, addWebSocketTexts } from './framings.ts';
import { isFrame, isHttp } from './ways.ts';

/** A connection whose framing is not known by then gets the reason in a line. */
const DECISION_MS = 500;
/** Browsers need a round trip more, for the upgrade. */
export const LAST_WORD_MS = 2000;

const WORD = 'ERR:TOO_MANY';

/** Writes the reason to refused connections. The ConnectionLimitHandler limits their number. */
@injectable()
export class Refusal {
  private readonly log: PeerLog;
  private readonly entry = new HttpEndpoint({
    timeoutMs: LAST_WORD_MS,
    webSocket: (channel) => sayTooMany(addWebSocketTexts(channel)),
    request: (_request, response) => {
      response
        .writeHead(503, { 'Content-Type': 'text/plain', Connection: 'close' })
        .end(`${WORD}\n`);
    },
  });

  constructor(@inject(PeerLog) log: PeerLog) {
    this.log = log;
  }

  refuse(child: Channel, error: RejectedError): void {
    this.log.refused(child, error);
    child.pipeline.addLast(
      new ProtocolDetector({
        protocols: [
          {
            name: 'frames',
            matches: isFrame,
            install: (channel) => sayTooMany(addFrames(channel)),
          },
          {
            name: 'http',
            matches: isHttp,
            install: ({ pipeline }) => pipeline.addLast(this.entry.handler()),
          },
        ],
        otherwise: (channel) => sayTooMany(addLines(channel)),
        timeoutMs: DECISION_MS,
        handleTimeout: () => 'otherwise',
      }),
    );
  }
}

/** Writes the reason and reads nothing. A WebSocket's channel becomes active only once its pipeline is built. */
function sayTooMany(texts: Pipeline<string, string>): void {
  const say = (channel: Channel): void => {
    channel.writeAndFlush(WORD);
    channel.end({ reason: 'refused' });
  };
  texts.addLast({ channelActive: ({ channel }) => say(channel), channelRead() {} });
  if (texts.channel.isActive) say(texts.channel);
}
