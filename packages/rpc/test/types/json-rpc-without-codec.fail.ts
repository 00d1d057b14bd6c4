// expect: Misfit<"writes what its neighbor does not accept", ContentLengthPrepender, OutboundBytes, object>
import { contentLengthPrefixed } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';
import { ExchangeHandler, jsonRpcExchange } from '@headrace/rpc';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  ...contentLengthPrefixed({ maxFrameLength: 1000 }),
  new ExchangeHandler({ format: jsonRpcExchange() }), // here
);
