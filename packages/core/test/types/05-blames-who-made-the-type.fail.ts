// expect: CannotRead<App, Request, Text, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Text, Watch } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Watch(), new Watch(), new App());
