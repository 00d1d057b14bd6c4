import type { Channel } from '@headrace/core';
import { having } from '@headrace/core/authoring';

/** A connector to places, for example core's `Bootstrap`, the `WebSocketBootstrap`, or a replacement in tests. */
export interface Connector<P, C extends Channel = Channel> {
  /**
   * Whether host names are resolved elsewhere, for example by a proxy. A client's `raceMs` then does not look up addresses.
   * @default false
   */
  readonly findsNames?: boolean;
  /** Connects to a place. Rejects if the connect fails, or if the signal aborts first. */
  connect(place: P, options: { readonly signal: AbortSignal }): Promise<C>;
}

/** The schema of the option `bootstrap`. */
export const CONNECTOR = having(
  'connect',
  'an object with connect(place, { signal }), such as a Bootstrap',
  {
    required: true,
  },
);
