// expect: is not assignable to parameter of type 'Misfit<Numbers, "reads", string, "but", Numbers, "passes on", number>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Numbers, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Numbers(), new Numbers());
