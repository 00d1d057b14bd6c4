// expect: CannotRead<Frames, Buffer
// expect: Text, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, Lengths, Text, Watch } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Lengths(), new Text(), new Watch(), new Frames());
