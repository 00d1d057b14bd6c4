// expect: Misfit<"does not accept what the other channel reads", "the first channel", Buffer<ArrayBufferLike>, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { pipeChannels } from '@headrace/handlers';

declare const bytes: Channel<Buffer, OutboundBytes>;
declare const texts: Channel<string, string>;

pipeChannels(bytes, bytes);
pipeChannels(texts, texts);
pipeChannels(
  bytes,
  texts, // here
);
