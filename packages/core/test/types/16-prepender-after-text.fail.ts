// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, Buffer<ArrayBufferLike>>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, Lengths, Text, Watch } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Lengths(), new Text(), new Watch(), new Frames());
