// The pipeline of the home page: its code stands there beside it. It is bundled for pages, without anything of Node's.

import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import { type Handler, handler } from '@headrace/core';
import { describeText, type LivePipeline, type Step, watched } from './watched.ts';

const shouts = (): Handler =>
  handler<{ reads: string; passesOn: never; writes: string }>({
    channelRead: (ctx, line) => ctx.writeAndFlush(line.toUpperCase()),
  });

export function startLine(record: (step: Step) => void): LivePipeline {
  const handlers = [
    new LineFrameDecoder({ maxLength: 20 }),
    new StringCodec({ delimiter: '\n' }),
    shouts(),
  ];
  return watched(handlers, record, (message) => describeText(message) ?? String(message));
}

const encoder = new TextEncoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
