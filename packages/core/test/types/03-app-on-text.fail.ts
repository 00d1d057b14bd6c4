// expect: CannotRead<App, Request, Text, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Frames, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Frames(), new Text(), new App());
