// expect: cannot read what the handler before it passes on
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel } from '@headrace/core';

declare const channel: Channel<Buffer, Uint8Array>;
channel.pipeline.addLast(new StringCodec(), new LineFrameDecoder());
