// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", JsonCodec<{ id: number; }, { id: number; }>
import { JsonCodec, lengthPrefixed } from '@headrace/codec';
import type { Channel, Handler, OutboundBytes, Types } from '@headrace/core';
import * as z from 'zod';

class App implements Handler {
  declare readonly types: Types<{ reads: { name: string }; passesOn: never; accepts: never }>;
}

declare const channel: Channel<Buffer, OutboundBytes>;
channel.pipeline.addLast(
  ...lengthPrefixed({ maxFrameLength: 1000 }),
  new JsonCodec({ schema: z.object({ id: z.number() }) }),
  new App(),
);
