// expect: Argument of type '"app"' is not assignable to parameter of type '"handlers, or a name and one handler"'
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Rpc, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), new Rpc(), 'app', new App());
