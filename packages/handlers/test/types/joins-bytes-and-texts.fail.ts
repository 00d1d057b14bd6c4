// expect: Misfit<"the first channel", "reads", Buffer<ArrayBufferLike>, "but", "the second", "accepts", string>
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
