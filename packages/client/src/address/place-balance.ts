import { placeKey } from './place-key.ts';

/**
 * A counter of connections that spreads clients over their places. All clients share one instance, and have the same places in
 * the order `shuffle`. Each client prefers the place with the fewest connections of the other clients. Open connections and
 * connects under way count.
 *
 * @example
 * ```ts check
 * import { PlaceBalance, ReconnectingClient } from '@headrace/client';
 * import { Bootstrap } from '@headrace/core';
 *
 * const balance = new PlaceBalance();
 * const addresses = [
 *   { host: 'a.example', port: 18888 },
 *   { host: 'b.example', port: 18888 },
 * ];
 * const client = () =>
 *   new ReconnectingClient({ bootstrap: new Bootstrap().handler(() => {}), addresses, balance });
 * const clients = [client(), client()]; // one connection to each
 * ```
 */
export class PlaceBalance {
  private readonly counts = new Map<string, number>();

  /** Returns the number of the clients' connections to a place, including connects under way. */
  connectionsTo(place: unknown): number {
    return this.counts.get(placeKey(place)) ?? 0;
  }

  /** @internal Counts a connect that begins. */
  add(place: unknown): void {
    this.counts.set(placeKey(place), this.connectionsTo(place) + 1);
  }

  /** @internal Removes a connect that failed, or a connection that ended. */
  remove(place: unknown): void {
    const left = this.connectionsTo(place) - 1;
    if (left > 0) this.counts.set(placeKey(place), left);
    else this.counts.delete(placeKey(place));
  }
}
