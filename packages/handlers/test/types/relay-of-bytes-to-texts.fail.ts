// expect: Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, Buffer<ArrayBufferLike>, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { RelayHandler } from '@headrace/handlers';

declare const bytes: Channel<Buffer, OutboundBytes>;
declare const texts: Channel<string, string>;

bytes.pipeline.addLast(new RelayHandler(texts));
