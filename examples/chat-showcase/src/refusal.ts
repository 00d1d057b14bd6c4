// A connection over the limit: it gets the reason in its own framing, then it is closed.
import type { Channel, Pipeline } from '@headrace/core';
import { ConnectionLimitHandler } from '@headrace/handlers';
import { HttpEndpoint } from '@headrace/websocket';
import type { Settings } from './settings.ts';
import { addWebSocketTexts, detectWay } from './ways-in.ts';

/** A connection whose framing is not known by then gets the reason in a line. */
const DECISION_MS = 500;
/** Browsers need a round trip more, for the upgrade. */
const LAST_WORD_MS = 2000;

const WORD = 'ERR:TOO_MANY';

/** The limits of the port, in total and for each address. */
export function connectionLimit(settings: Settings): ConnectionLimitHandler {
  const { maxConnections: total, maxConnectionsPerAddress: perAddress } = settings;
  return new ConnectionLimitHandler({
    total,
    perAddress,
    lastWordMs: LAST_WORD_MS,
    onRefused: (child) => void child.pipeline.addLast(refusingDetector()),
  });
}

const endpoint = new HttpEndpoint({
  timeoutMs: LAST_WORD_MS,
  webSocket: (channel) => sayTooMany(addWebSocketTexts(channel)),
  request: (_request, response) => {
    const headers = { 'Content-Type': 'text/plain', Connection: 'close' };
    response.writeHead(503, headers).end(`${WORD}\n`);
  },
});

function refusingDetector() {
  return detectWay({
    timeoutMs: DECISION_MS,
    texts: sayTooMany,
    http: ({ pipeline }) => void pipeline.addLast(endpoint.handler()),
  });
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
