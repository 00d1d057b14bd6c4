// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", Text, string, number>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Echo, Numbers, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Numbers(), new Echo());
