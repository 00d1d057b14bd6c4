// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, number>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Only, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Only<number>());
