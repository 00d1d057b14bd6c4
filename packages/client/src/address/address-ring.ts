/** In which order the places of a list are tried. */
export type AddressOrder = 'shuffle' | 'given';

interface Entry<P> {
  readonly place: P;
  readonly key: string;
}

/**
 * Places in turn: the first one is tried, and one that failed goes to the end. A new list keeps the turn of those
 * that it has in common with the old one.
 */
export class AddressRing<P> {
  private readonly order: AddressOrder;
  private readonly random: () => number;
  private entries: Entry<P>[] = [];
  /** The keys of places that failed, the one that failed last at the end. */
  private failures: string[] = [];
  private failedInRound = 0;

  constructor(order: AddressOrder, random: () => number) {
    this.order = order;
    this.random = random;
  }

  get size(): number {
    return this.entries.length;
  }

  /** Each place has failed since the last {@link update}. */
  get isRoundOver(): boolean {
    return this.failedInRound >= this.entries.length;
  }

  /** Whose turn it is. */
  get current(): P | undefined {
    return this.entries[0]?.place;
  }

  update(places: readonly P[]): void {
    const given = places.map((place) => ({ place, key: placeKey(place) }));
    this.failedInRound = 0;
    this.entries = this.order === 'given' ? this.failedLast(given) : this.keepTurns(given);
  }

  /** The place failed, or its connection was lost: all others come before it. */
  failed(place: P): void {
    const key = placeKey(place);
    const index = this.entries.findIndex((entry) => entry.key === key);
    if (index === -1) return;
    this.failedInRound += 1;
    this.entries.push(...this.entries.splice(index, 1));
    this.failures = [...this.failures.filter((one) => one !== key), key];
  }

  private failedLast(given: readonly Entry<P>[]): Entry<P>[] {
    const known = new Set(given.map(({ key }) => key));
    this.failures = this.failures.filter((key) => known.has(key));
    const rank = new Map(this.failures.map((key, index) => [key, index]));
    return given.toSorted((a, b) => (rank.get(a.key) ?? -1) - (rank.get(b.key) ?? -1));
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

/** The same for two objects that name the same place. */
function placeKey(place: unknown): string {
  if (typeof place !== 'object' || place === null || place instanceof URL) return String(place);
  const { host, port, path, name } = place as Record<string, unknown>;
  return JSON.stringify([host, port, path, name].map((part) => String(part)));
}
