import { placeKey } from './place-key.ts';

/**
 * Spreads clients over their places: the clients that share it, with the same places in the order `shuffle`, each take the place
 * that the fewest of the others have. It counts open connections, and connects under way.
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

  /** How many connections the clients have to this place, connects under way included. */
  connectionsTo(place: unknown): number {
    return this.counts.get(placeKey(place)) ?? 0;
  }

  /** @internal A connect begins. */
  add(place: unknown): void {
    this.counts.set(placeKey(place), this.connectionsTo(place) + 1);
  }

  /** @internal The connect failed, or its connection is gone. */
  remove(place: unknown): void {
    const left = this.connectionsTo(place) - 1;
    if (left > 0) this.counts.set(placeKey(place), left);
    else this.counts.delete(placeKey(place));
  }
}
