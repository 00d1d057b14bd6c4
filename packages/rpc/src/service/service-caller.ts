import type { WriteFuture } from '@headrace/core';
import type { CallOptions, StreamOptions } from '../exchange/exchange-options.ts';
import type { JsonRpcCall } from '../exchange/json-rpc-message.ts';

/** The sender of a client's calls: an `ExchangeHandler` with `jsonRpcExchange()`, a `RequestClient`, or `ServicePlaces`. */
export interface ServiceCaller {
  /** Sends a call. Resolves with the answer. Rejects with the peer's error, or an error of the sending class. */
  request(call: JsonRpcCall, options?: CallOptions): Promise<unknown>;
  /** Requests a stream, and returns its items. The errors are those of {@link request}. */
  stream(call: JsonRpcCall, options?: StreamOptions): AsyncIterable<unknown>;
  /** Sends a notice, and returns the future of its write. */
  notify(call: JsonRpcCall): WriteFuture;
}

/** One of several places that answer a service: a caller that knows whether it is connected. */
export interface ServicePlace extends ServiceCaller {
  /** Whether the place has a connection that is not ending. */
  readonly isReady: boolean;
}

/** Places that a call was sent to before. */
export type TriedPlaces = Set<ServicePlace>;

/** A caller that chooses between several places. */
export interface PlacedCaller extends ServiceCaller {
  /** Sends a call to a place that is not in `tried`, if possible, and adds the place to `tried`. */
  requestElsewhere(tried: TriedPlaces, call: JsonRpcCall, options?: CallOptions): Promise<unknown>;
}

/** Checks the shape of the caller, so that a page with one server does not load `ServicePlaces`. */
export function hasPlaces(caller: ServiceCaller): caller is PlacedCaller {
  return 'requestElsewhere' in caller;
}
