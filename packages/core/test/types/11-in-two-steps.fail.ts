// expect: is not assignable to parameter of type 'Misfit<App, "reads", Request, "but", ThePipelineSoFar, "passes on", string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Frames, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

const text = channel.pipeline.addLast(new Frames(), new Text());
text.addLast(new App());
