// expect: is not assignable to parameter of type 'Misfit<Only<number>, "reads", number, "but", Text, "passes on", string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Only, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Only<number>());
