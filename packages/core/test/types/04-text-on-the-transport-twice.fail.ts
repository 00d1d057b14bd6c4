// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, Buffer<ArrayBufferLike>>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Text());
