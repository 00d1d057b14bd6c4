// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Numbers, number, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Numbers, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Numbers(), new Numbers());
