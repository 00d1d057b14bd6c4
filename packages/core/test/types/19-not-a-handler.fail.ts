// expect: Argument of type 'number' is not assignable to parameter of type 'string | Handler
import type { Channel, OutboundBytes } from '@headrace/core';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast('name', 5);
