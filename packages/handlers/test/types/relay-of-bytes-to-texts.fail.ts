// expect: Misfit<RelayHandler<string>, "reads", string, "but", ThePipelineSoFar, "passes on", Buffer<ArrayBufferLike>>
import type { Channel, OutboundBytes } from '@headrace/core';
import { RelayHandler } from '@headrace/handlers';

declare const bytes: Channel<Buffer, OutboundBytes>;
declare const texts: Channel<string, string>;

bytes.pipeline.addLast(new RelayHandler(texts));
