// A client: calls over a connection that comes back after a loss.
import { RequestClient } from '@headrace/client';
import {
  Bootstrap,
  type Clock,
  type ConnectPlace,
  isHeadraceError,
  pipeline,
  systemClock,
} from '@headrace/core';
import { clientOf, ExchangeHandler, exponential, type JsonRpcExchange } from '@headrace/rpc';
import { type Price, prices } from './service.ts';
import { clientHeartbeat, format, frames } from './wire.ts';

export interface ClientOptions {
  readonly addresses: readonly ConnectPlace[];
  /** A virtual one in tests. */
  readonly clock?: Clock;
}

export function makeClient({ addresses, clock = systemClock }: ClientOptions) {
  const client = new RequestClient<JsonRpcExchange>({
    client: {
      bootstrap: new Bootstrap()
        .options({ clock })
        .handler(
          pipeline().add(...frames(), clientHeartbeat, () => new ExchangeHandler({ format })),
        ),
      addresses: [...addresses],
      clock,
    },
  });
  void client.start(); // goes on trying, whatever happens
  const api = clientOf(prices, client, {
    // Of idempotent methods alone: `quote`.
    retry: { attempts: 4, backoff: exponential({ baseMs: 50, maxMs: 1000 }) },
    clock,
  });

  /** The prices of a symbol, over as many connections as it takes: a stream ends with its connection. */
  async function* follow(symbol: string): AsyncGenerator<Price, void, undefined> {
    for (;;) {
      try {
        yield* api.watch({ symbol }, { itemTimeoutMs: false });
      } catch (error) {
        if (!isHeadraceError(error, 'REQUEST_LOST')) throw error;
      }
      await new Promise<void>((resolve) => clock.schedule(resolve, 1000));
    }
  }

  return { api, follow, connection: client.clients[0]!, close: () => client.close() };
}
