import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { connectedPair } from '@headrace/core/testing';
import {
  ExchangeHandler,
  type JsonRpcExchange,
  jsonRpcExchange,
  type ServiceHandle,
} from '../../src/index.ts';

/** Two ends of JSON-RPC in memory, whose network goes on by itself between promises. */
export function serviceEnds(handle: ServiceHandle) {
  const format = jsonRpcExchange();
  const wire = () =>
    [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;
  const exchange: ExchangeHandler<JsonRpcExchange> = new ExchangeHandler({ format });
  const logged: string[] = [];
  const log = (_level: string, message: string) => void logged.push(message);
  const pair = connectedPair({
    client: ({ pipeline }) => pipeline.addLast(...wire(), exchange),
    server: ({ pipeline }) => pipeline.addLast(...wire(), new ExchangeHandler({ format, handle })),
    options: { logger: { log } },
  });
  /** What a task gives, while the network goes on. */
  const during = async <T>(task: () => Promise<T>): Promise<T> => {
    let isOver = false;
    const result = pair.clock.run(task).finally(() => {
      isOver = true;
    });
    result.catch(() => {});
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      pair.clock.runTasks();
    }
    return result;
  };
  return { exchange, pair, during, logged };
}

/** All items of a stream. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}
