// The server: the functions of the service, what runs around each call, and the pipeline of a connection.
import {
  type BindTarget,
  type Clock,
  pipeline,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { ConnectionLimitHandler, MetricsHandler, ServerMetrics } from '@headrace/handlers';
import { CallLimit, CallMetrics, ExchangeHandler, logCalls, serve } from '@headrace/rpc';
import type { PriceList } from './price-list.ts';
import { prices } from './service.ts';
import { format, frames, serverHeartbeat } from './wire.ts';

export interface ServiceOptions {
  /** Calls a second of each caller, on average; one more is refused, and says when to come again. */
  readonly callsPerSecond: number;
}

/** The handlers of a connection; `metrics` has the calls and the bytes of all connections. */
export function servicePipeline(list: PriceList, { callsPerSecond }: ServiceOptions) {
  const calls = new CallMetrics();
  const metrics = new ServerMetrics().include(() => calls.families());
  const limit = new CallLimit({ perSecond: callsPerSecond, concurrency: 100 });
  const known = (symbol: string): number => {
    const price = list.get(symbol);
    if (price === undefined) throw prices.error('NO_SUCH_SYMBOL', `there is no ${symbol}`);
    return price;
  };
  const handle = serve(
    prices,
    {
      quote: ({ symbol }) => ({ symbol, price: known(symbol) }),
      async *watch({ symbol }, { signal }) {
        known(symbol);
        for await (const price of list.follow(symbol, signal)) yield { symbol, price };
      },
      change: ({ symbol, price }) => ({ before: list.set(symbol, price) }),
    },
    // The first is the outermost: calls that the limit refuses are counted and logged, too.
    { interceptors: [calls.interceptor, logCalls({ slowMs: 100 }), limit.interceptor] },
  );
  const connection = pipeline().add(
    () => new MetricsHandler({ metrics }),
    ...frames(),
    serverHeartbeat,
    () => new ExchangeHandler({ format, handle }),
  );
  return { connection, metrics };
}

/** @param clock - a virtual one in tests; without it the system's */
export function startServer(
  place: BindTarget,
  { connection }: Pick<ReturnType<typeof servicePipeline>, 'connection'>,
  clock?: Clock,
): Promise<Server> {
  const options = clock === undefined ? {} : { clock };
  return new ServerBootstrap()
    .options(options)
    .childOptions(options)
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler(connection)
    .bind(place);
}
