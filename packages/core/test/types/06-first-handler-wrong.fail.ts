// expect: is not assignable to parameter of type 'Misfit<Rpc, "reads", string, "but", ThePipelineSoFar, "passes on", Buffer
import type { Channel, OutboundBytes } from '@headrace/core';
import { Rpc } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Rpc());
