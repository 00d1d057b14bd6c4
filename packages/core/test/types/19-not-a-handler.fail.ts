// expect: has no properties in common with type 'Handler'
import type { Channel, OutboundBytes } from '@headrace/core';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast('name', 5);
