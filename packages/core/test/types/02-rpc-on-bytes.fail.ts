// expect: is not assignable to parameter of type 'Misfit<Rpc, "reads", string, "but", Frames, "passes on", Buffer
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames, Rpc } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Frames(), new Rpc());
