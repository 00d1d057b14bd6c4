import { type PlaceHolder, PlacesByNetwork } from './places-by-network.ts';

/** A holder of a place that can be a stranger. */
export interface KnownOrStranger extends PlaceHolder {
  /** Whether the holder is counted among the strangers. Only the table changes it. */
  isStranger: boolean;
  /** Whether the holder has signed in, or has shown in another way that it is not a stranger. */
  readonly isKnown: boolean;
}

/** Network of all clients without an address, which use a path or memory. */
const NOWHERE = '';

/**
 * The order in which entries leave a full table. Strangers leave before known holders, and first those of the network with the
 * most strangers. Therefore, strangers displace neither known holders nor strangers of other networks.
 */
export class StrangersFirst<T extends KnownOrStranger> {
  private readonly known = new PlacesByNetwork<T>();
  private readonly strangers = new PlacesByNetwork<T>();

  get size(): number {
    return this.known.size + this.strangers.size;
  }

  /**
   * Adds a holder, as a stranger unless it is known.
   *
   * @param network - network of the client, or `undefined` without an address
   */
  add(holder: T, network: string | undefined): void {
    holder.network = network ?? NOWHERE;
    holder.isStranger = !holder.isKnown;
    this.among(holder).add(holder);
  }

  remove(holder: T): void {
    this.among(holder).remove(holder);
  }

  /** Returns the table that contains the holder. */
  private among({ isStranger }: T): PlacesByNetwork<T> {
    return isStranger ? this.strangers : this.known;
  }

  /** Holder to remove first. */
  get first(): T | undefined {
    return this.firstStranger ?? this.known.first;
  }

  /** Stranger to remove first. */
  get firstStranger(): T | undefined {
    return this.stranger(() => this.strangers.first);
  }

  /** Returns the stranger to remove first, if more than `most` strangers are of this network. */
  excessOf(network: string | undefined, most: number): T | undefined {
    if (network === undefined || network === NOWHERE) return undefined;
    return this.stranger(() => {
      const same = this.strangers.of(network);
      return same !== undefined && same.size > most ? same.oldest : undefined;
    });
  }

  /** Returns the next holder that is still a stranger. Holders that have become known move to the known holders. */
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
