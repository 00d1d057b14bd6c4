import type { PlaceBalance } from './place-balance.ts';
import { placeKey } from './place-key.ts';

/** The order in which the places of a list are tried. */
export type AddressOrder = 'shuffle' | 'given';

interface Entry<P> {
  readonly place: P;
  readonly key: string;
}

interface Failures {
  /** In a row; a connection that was stable ends the row. */
  readonly count: number;
  /** The number of the last one among those of all places. */
  readonly at: number;
}

const NONE: Failures = { count: 0, at: 0 };

/**
 * Places in rounds, each place once in a round: first those that failed least often, of these the one with the fewest
 * connections of others, then the one whose failure is longest ago, then by their order. A new list keeps the order of
 * places that it has in common with the old one when it is shuffled, and begins a round.
 */
export class AddressRing<P> {
  /** The places are tried as they come. */
  readonly isGiven: boolean;
  private readonly random: () => number;
  private readonly balance: PlaceBalance | undefined;
  private readonly failures = new Map<string, Failures>();
  /** The keys of the places that were tried in this round. */
  private readonly tried = new Set<string>();
  private entries: Entry<P>[] = [];
  private failureCount = 0;

  /** @param balance - counts connections of others; without effect on places in the order in which they are given */
  constructor(order: AddressOrder, random: () => number, balance?: PlaceBalance) {
    this.isGiven = order === 'given';
    this.random = random;
    this.balance = order === 'shuffle' ? balance : undefined;
  }

  get size(): number {
    return this.entries.length;
  }

  /** A place has not been tried in this round. */
  get hasNext(): boolean {
    return this.entries.some(({ key }) => !this.tried.has(key));
  }

  has(place: P): boolean {
    return this.entries.some((entry) => entry.place === place);
  }

  /** The place whose turn it is; it is marked as tried. */
  next(): P | undefined {
    let best: Entry<P> | undefined;
    for (const entry of this.entries) {
      if (this.tried.has(entry.key)) continue;
      if (best === undefined || this.compare(entry, best) < 0) best = entry;
    }
    if (best !== undefined) this.tried.add(best.key);
    return best?.place;
  }

  update(places: readonly P[]): void {
    const given = places.map((place) => ({ place, key: placeKey(place) }));
    const known = new Set(given.map(({ key }) => key));
    for (const key of this.failures.keys()) if (!known.has(key)) this.failures.delete(key);
    this.entries = this.isGiven ? given : this.keepTurns(given);
    this.beginRound();
  }

  /** All places have a turn again. */
  beginRound(): void {
    this.tried.clear();
  }

  /** The place has had its turn in this round. */
  markTried(place: P): void {
    this.tried.add(placeKey(place));
  }

  /** Its turn in this round is still to come: the try was given up for another one. */
  giveBack(place: P): void {
    this.tried.delete(placeKey(place));
  }

  /** A try failed, or the connection was lost. */
  failed(place: P): void {
    const key = placeKey(place);
    const { count } = this.failures.get(key) ?? NONE;
    this.failureCount += 1;
    this.failures.set(key, { count: count + 1, at: this.failureCount });
  }

  /** The connection was there for long: earlier failures do not count any more. */
  wasStable(place: P): void {
    this.failures.delete(placeKey(place));
  }

  /** No earlier failure counts any more. */
  forgive(): void {
    this.failures.clear();
  }

  private compare(a: Entry<P>, b: Entry<P>): number {
    const { balance } = this;
    const [one, other] = [this.failures.get(a.key) ?? NONE, this.failures.get(b.key) ?? NONE];
    const difference = one.count - other.count;
    if (difference !== 0) return difference;
    const load = balance && balance.connectionsTo(a.place) - balance.connectionsTo(b.place);
    return load || one.at - other.at;
  }

  private keepTurns(given: readonly Entry<P>[]): Entry<P>[] {
    const left = [...given];
    const kept = this.entries.flatMap(({ key }) => {
      const index = left.findIndex((entry) => entry.key === key);
      return index === -1 ? [] : left.splice(index, 1);
    });
    for (const entry of left) {
      kept.splice(Math.floor(this.random() * (kept.length + 1)), 0, entry);
    }
    return kept;
  }
}
