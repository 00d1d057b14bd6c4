// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Rpc, Request, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, Numbers, Rpc, Text, Watch } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new Frames(),
  new Text(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Watch(),
  new Rpc(),
  new Numbers(), // here
);
