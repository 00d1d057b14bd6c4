// Compiles: handlers of calls behind codecs, in one pipeline.
import { contentLengthPrefixed, JsonCodec, lengthPrefixed } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';
import { binaryExchange, ExchangeHandler, jsonRpcExchange } from '@headrace/rpc';

declare const channel: Channel<Buffer, OutboundBytes>;

const exchange = new ExchangeHandler({
  format: binaryExchange(),
  handle: async (body, { signal }) => (signal.aborted ? undefined : body.subarray(1)),
});
channel.pipeline.addLast(...lengthPrefixed({ maxFrameLength: 1000 }), exchange);
export const answer: Promise<Buffer> = exchange.request(Buffer.of(1), { timeoutMs: false });

channel.pipeline.addLast(
  ...contentLengthPrefixed({ maxFrameLength: 1000 }),
  new JsonCodec(),
  new ExchangeHandler({ format: jsonRpcExchange(), handle: ({ method }) => ({ method }) }),
);
