// expect: CannotRead<Rpc, string, ThePipelineSoFar, Buffer
import type { Channel, OutboundBytes } from '@headrace/core';
import { Rpc } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Rpc());
