// The pipeline of each connection, between the server and the worker and between the worker and a tab: calls in frames.
import {
  type BinaryExchange,
  binaryExchange,
  ExchangeHandler,
  type ExchangeScope,
} from '@headrace/rpc';
import { WebSocketBinaryCodec, type WebSocketChannel } from '@headrace/websocket';

type Handle = (request: Buffer, scope: ExchangeScope) => Buffer | Promise<Buffer>;

const format = binaryExchange();

/** Builds the pipeline of either end. */
export function calls(handle: Handle): (channel: WebSocketChannel) => void {
  return ({ pipeline }) => {
    pipeline.addLast(
      new WebSocketBinaryCodec(),
      new ExchangeHandler<BinaryExchange>({ format, handle, timeoutMs: 60_000 }),
    );
  };
}
