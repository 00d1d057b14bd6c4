import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { connectedPair } from '@headrace/core/testing';
import {
  ExchangeHandler,
  type JsonRpcExchange,
  jsonRpcExchange,
  type ServiceHandle,
} from '@headrace/rpc';

/** A caller of a service in memory, and what a task of it gives while the network goes on. */
export function serviceEnds(handle: ServiceHandle) {
  const format = jsonRpcExchange();
  const wire = () =>
    [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;
  const exchange: ExchangeHandler<JsonRpcExchange> = new ExchangeHandler({ format });
  const { clock } = connectedPair({
    client: ({ pipeline }) => pipeline.addLast(...wire(), exchange),
    server: ({ pipeline }) => pipeline.addLast(...wire(), new ExchangeHandler({ format, handle })),
    options: { logger: { log: () => {} } },
  });
  const during = async (task: () => Promise<unknown>): Promise<unknown> => {
    let isOver = false;
    const result = clock.run(task).finally(() => {
      isOver = true;
    });
    result.catch(() => {});
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.runTasks();
    }
    return result;
  };
  return { exchange, during };
}
