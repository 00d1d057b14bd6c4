// expect: is not assignable to parameter of type 'Misfit<Text, "reads", Buffer<ArrayBufferLike>, "but", Text, "passes on", string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Text());
