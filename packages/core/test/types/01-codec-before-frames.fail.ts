// expect: CannotRead<Frames, Buffer
// expect: Text, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Frames());
