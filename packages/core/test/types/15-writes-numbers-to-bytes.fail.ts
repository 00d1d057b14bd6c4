// expect: CannotWrite<WritesNumbers, string, ThePipelineSoFar, OutboundBytes>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, WritesNumbers } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Frames(), new WritesNumbers());
