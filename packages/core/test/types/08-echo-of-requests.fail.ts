// expect: CannotWrite<Echo, Request, Rpc, Reply>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Echo, Rpc, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Rpc(), new Echo());
