import { type PlaceHolder, PlacesByNetwork } from './places-by-network.ts';

/** A holder of a place that may be a stranger. */
export interface KnownOrStranger extends PlaceHolder {
  /** It is counted among the strangers. Belongs to the table. */
  isStranger: boolean;
  /** It has signed in, or shown in another way that it is not a stranger. */
  readonly isKnown: boolean;
}

/** The network of all clients that have no address: of a path, or in memory. */
const NOWHERE = '';

/**
 * The order in which entries leave a full table: strangers before those that are known, of the network that has most of them,
 * so that strangers push out neither the known nor those of other networks.
 */
export class StrangersFirst<T extends KnownOrStranger> {
  private readonly known = new PlacesByNetwork<T>();
  private readonly strangers = new PlacesByNetwork<T>();

  /** How many holders there are. */
  get size(): number {
    return this.known.size + this.strangers.size;
  }

  /** Adds a holder, as a stranger unless it is known. @param network - `undefined` for a client without an address */
  add(holder: T, network: string | undefined): void {
    holder.network = network ?? NOWHERE;
    holder.isStranger = !holder.isKnown;
    this.among(holder).add(holder);
  }

  /** Removes a holder. */
  remove(holder: T): void {
    this.among(holder).remove(holder);
  }

  /** Those among which it is counted. */
  private among({ isStranger }: T): PlacesByNetwork<T> {
    return isStranger ? this.strangers : this.known;
  }

  /** The one to be given up first. */
  get first(): T | undefined {
    return this.firstStranger ?? this.known.first;
  }

  /** The stranger to be given up first. */
  get firstStranger(): T | undefined {
    return this.stranger(() => this.strangers.first);
  }

  /** If more strangers than this have a network, the one of them to be given up first. */
  excessOf(network: string | undefined, most: number): T | undefined {
    if (network === undefined || network === NOWHERE) return undefined;
    return this.stranger(() => {
      const same = this.strangers.of(network);
      return same !== undefined && same.size > most ? same.oldest : undefined;
    });
  }

  /** The next one that still is a stranger: those that became known meanwhile are counted among the known. */
  private stranger(next: () => T | undefined): T | undefined {
    for (;;) {
      const holder = next();
      if (holder === undefined || !holder.isKnown) return holder;
      this.strangers.remove(holder);
      holder.isStranger = false;
      this.known.add(holder);
    }
  }

  /** All holders, strangers first. */
  get all(): T[] {
    return [...this.strangers.all, ...this.known.all];
  }
}
