// expect: cannot read what the handler before it passes on
import { LengthFieldPrepender, LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';

declare const channel: Channel<Buffer, OutboundBytes>;
channel.pipeline.addLast(
  new StringCodec(),
  new LineFrameDecoder(),
  new LengthFieldPrepender({ lengthFieldLength: 4 }),
);
