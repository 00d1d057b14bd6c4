// expect: Argument of type 'Pipeline<Buffer<ArrayBufferLike>, OutboundBytes>' is not assignable to parameter of type 'Pipeline<string, string>'
// expect: Argument of type 'number' is not assignable to parameter of type 'string'
import type { Channel, OutboundBytes, Pipeline } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;
declare function chat(texts: Pipeline<string, string>): void;

const texts = channel.pipeline.addLast(new Text());
chat(texts);
texts.write(5); // here
chat(channel.pipeline); // here
