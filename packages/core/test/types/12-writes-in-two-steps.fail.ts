// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", ThePipelineSoFar, Reply, Request>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Echo, Rpc, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

const rpc = channel.pipeline.addLast(new Text(), new Rpc());
rpc.addLast(new Echo());
