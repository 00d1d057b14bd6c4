// expect: is not assignable to parameter of type 'Misfit<LineFrameDecoder, "reads", Buffer<ArrayBufferLike>, "but", ThePipelineSoFar, "passes on", WebSocketInput>'
import { LineFrameDecoder } from '@headrace/codec';
import { WebSocketBootstrap } from '@headrace/websocket';

new WebSocketBootstrap().handler(({ pipeline }) => pipeline.addLast(new LineFrameDecoder()));
