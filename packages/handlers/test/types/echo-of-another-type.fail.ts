// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", StringCodec, string, number>
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new LineFrameDecoder(),
  new StringCodec({ delimiter: '\n' }),
  new EchoHandler({ reply: (text: string) => text.length }),
);
