import type { WriteFuture } from '@headrace/core';
import type { CallOptions, StreamOptions } from '../exchange/exchange-options.ts';
import type { JsonRpcCall } from '../exchange/json-rpc-message.ts';

/** What a client of a service calls by: an `ExchangeHandler` with `jsonRpcExchange()`, a `RequestClient`, or `ServicePlaces`. */
export interface ServiceCaller {
  /** Resolves with the answer. Rejects with the error of the peer, or as the class that calls does. */
  request(call: JsonRpcCall, options?: CallOptions): Promise<unknown>;
  /** The items of a stream. They end with an error of {@link request}. */
  stream(call: JsonRpcCall, options?: StreamOptions): AsyncIterable<unknown>;
  /** Sends a call without an answer; the future is that of its write. */
  notify(call: JsonRpcCall): WriteFuture;
}

/** One of several places that answer a service: a caller that knows whether it has a connection. */
export interface ServicePlace extends ServiceCaller {
  /** False while it has no connection, or one that ends. */
  readonly isReady: boolean;
}

/** Places that a call was given to before. */
export type TriedPlaces = Set<ServicePlace>;

/** A caller that has several places to ask. */
export interface PlacedCaller extends ServiceCaller {
  /** At a place that is not among those, which it joins. */
  requestElsewhere(tried: TriedPlaces, call: JsonRpcCall, options?: CallOptions): Promise<unknown>;
}

/** By its shape, so that a page with one server does not load the choice between several. */
export function hasPlaces(caller: ServiceCaller): caller is PlacedCaller {
  return 'requestElsewhere' in caller;
}
