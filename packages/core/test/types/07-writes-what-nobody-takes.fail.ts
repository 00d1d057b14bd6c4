// expect: CannotWrite<App, Reply, Text, string>
import type { Channel, Handler, OutboundBytes, PassThrough, Types } from '@headrace/core';
import { App, type Request, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Dynamically implements Handler {
  declare readonly types: Types<string, Request, PassThrough, never>;
}

channel.pipeline.addLast(new Text(), new Dynamically(), new App());
