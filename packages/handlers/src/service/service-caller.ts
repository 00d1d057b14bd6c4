import type { WriteFuture } from '@headrace/core';
import type { CallOptions, StreamOptions } from '../exchange/exchange-options.ts';
import type { JsonRpcCall } from '../exchange/json-rpc-message.ts';

/** What a client of a service calls by: an `ExchangeHandler` with `jsonRpcExchange()`, a `RequestClient`, or `ServicePlaces`. */
export interface ServiceCaller {
  request(call: JsonRpcCall, options?: CallOptions): Promise<unknown>;
  stream(call: JsonRpcCall, options?: StreamOptions): AsyncIterable<unknown>;
  notify(call: JsonRpcCall): WriteFuture;
}
