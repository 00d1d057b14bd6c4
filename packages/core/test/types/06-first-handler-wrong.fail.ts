// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, Buffer, string
import type { Channel, OutboundBytes } from '@headrace/core';
import { Rpc } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Rpc());
