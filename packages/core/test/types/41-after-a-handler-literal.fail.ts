// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Handler<Types<{ reads: string; passesOn: number; }>>, number, string>'
import { type Channel, handler, type OutboundBytes, pipeline } from '@headrace/core';
import { Frames, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

const lengths = () => handler<{ reads: string; passesOn: number }>({});
const app = () => handler<{ reads: string; passesOn: never; writes: string }>({});
channel.pipeline.addLast(
  new Frames(),
  new Text(),
  lengths(),
  app(), // here
);
pipeline().add(
  () => new Frames(),
  () => new Text(),
  lengths,
  app, // here
);
