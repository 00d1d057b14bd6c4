import type { Channel } from '@headrace/core';
import type { Connector } from '../address/connector.ts';

/** Passes on the host name, because a page cannot look up addresses. The browser races the addresses. */
export class RacingConnector<P, C extends Channel> implements Connector<P, C> {
  private readonly connector: Connector<P, C>;

  constructor(connector: Connector<P, C>) {
    this.connector = connector;
  }

  connect(place: P, options: { readonly signal: AbortSignal }): Promise<C> {
    return this.connector.connect(place, options);
  }
}
