// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", StringCodec, string, Buffer<ArrayBufferLike>>
import { LengthFieldPrepender, LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';

declare const channel: Channel<Buffer, OutboundBytes>;
channel.pipeline.addLast(
  new StringCodec(),
  new LineFrameDecoder(),
  new LengthFieldPrepender({ lengthFieldLength: 4 }),
);
