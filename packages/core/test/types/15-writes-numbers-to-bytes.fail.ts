// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", ThePipelineSoFar, OutboundBytes, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, WritesNumbers } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Frames(), new WritesNumbers());
