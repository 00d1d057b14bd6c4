import type { Channel } from '@headrace/core';
import { having } from '@headrace/core/authoring';

/** Connects to places: the `Bootstrap` of core, the `WebSocketBootstrap`, or a replacement in tests. */
export interface Connector<P, C extends Channel = Channel> {
  /** True if names are resolved elsewhere, such as by a proxy: `raceMs` of a client does not look them up. @default false */
  readonly findsNames?: boolean;
  /** Connects to a place; rejects if it cannot, or if the signal aborts first. */
  connect(place: P, options: { readonly signal: AbortSignal }): Promise<C>;
}

/** The option `bootstrap`. */
export const CONNECTOR = having(
  'connect',
  'an object with connect(place, { signal }), such as a Bootstrap',
  {
    required: true,
  },
);
