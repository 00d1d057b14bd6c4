// expect: is not assignable to parameter of type 'Misfit<Echo, "writes", Request, "but", ThePipelineSoFar, "accepts", Reply>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Echo, Rpc, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

const rpc = channel.pipeline.addLast(new Text(), new Rpc());
rpc.addLast(new Echo());
