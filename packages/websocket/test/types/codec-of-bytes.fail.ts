// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, WebSocketInput, Buffer<ArrayBufferLike>>'
import { LineFrameDecoder } from '@headrace/codec';
import { WebSocketBootstrap } from '@headrace/websocket';

new WebSocketBootstrap().handler(({ pipeline }) => pipeline.addLast(new LineFrameDecoder()));
