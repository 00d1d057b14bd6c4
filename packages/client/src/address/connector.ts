import type { Channel } from '@headrace/core';
import { having } from '@headrace/core/authoring';

/** Connects to places: core's `Bootstrap`, the WebSocket's, or what a test has in their place. */
export interface Connector<P, C extends Channel = Channel> {
  /** Names are found elsewhere, as by a proxy: `raceMs` of a client does not look them up. @default false */
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
