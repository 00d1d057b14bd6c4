// expect: CannotWrite<EchoHandler<string, number>
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel, OutboundBytes } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new LineFrameDecoder(),
  new StringCodec({ delimiter: '\n' }),
  new EchoHandler({ reply: (text: string) => text.length }),
);
