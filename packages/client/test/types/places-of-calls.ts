// Compiles: a client of calls takes the places of its bootstrap, also where the types of the format alone are named.
import { RequestClient } from '@headrace/client';
import { Bootstrap, type Channel } from '@headrace/core';
import type { JsonRpcExchange } from '@headrace/rpc';

/** As `WebSocketBootstrap`. */
declare const webSockets: {
  connect(url: string | URL, options: { readonly signal: AbortSignal }): Promise<Channel>;
};

export const overWebSockets = new RequestClient<JsonRpcExchange>({
  client: { bootstrap: webSockets, addresses: ['/ws', new URL('wss://127.0.0.1/ws')] },
});
export const overTcp = new RequestClient<JsonRpcExchange>({
  client: { bootstrap: new Bootstrap(), addresses: [{ port: 7000 }] },
});
export const inferred = new RequestClient({
  client: { bootstrap: webSockets, addresses: ['/ws'] },
});
