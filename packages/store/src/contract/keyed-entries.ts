/** An entry that has a key and a place in an order. */
export interface Keyed {
  readonly key: string;
  readonly position: { readonly offset: number };
}

/** Number of replaced entries that may stay in the order, besides as many as there are keys. */
const SPARE_ENTRIES = 64;

/** The newest entry of each key, in the order of the offsets. */
export class KeyedEntries<E extends Keyed> {
  private readonly byKey = new Map<string, E>();
  /** All entries in order. Of an entry that was replaced or forgotten, only its place is left. */
  private order: Keyed[] = [];

  /** The number of keys. */
  get size(): number {
    return this.byKey.size;
  }

  /** The entry of a key. */
  get(key: string): E | undefined {
    return this.byKey.get(key);
  }

  /** Sets the entry of its key. Its offset must be higher than all offsets before. */
  set(entry: E): void {
    const replaced = this.byKey.get(entry.key);
    if (replaced !== undefined) this.leavePlace(replaced);
    this.byKey.set(entry.key, entry);
    this.order.push(entry);
    this.compact();
  }

  /** Forgets an entry, unless another entry has replaced it. Returns true if it was the entry of its key. */
  forget(entry: E): boolean {
    if (!this.isCurrent(entry)) return false;
    this.byKey.delete(entry.key);
    this.leavePlace(entry);
    this.compact();
    return true;
  }

  /** Calls the function with the entries after an offset, in order, until it returns false. Do not change entries meanwhile. */
  eachAfter(offset: number, take: (entry: E) => boolean): void {
    const { order } = this;
    for (let at = this.placeAfter(offset); at < order.length; at++) {
      const entry = order[at]!;
      if (this.isCurrent(entry) && !take(entry)) return;
    }
  }

  private isCurrent(entry: Keyed): entry is E {
    return this.byKey.get(entry.key) === entry;
  }

  private placeAfter(offset: number): number {
    const { order } = this;
    const { length } = order;
    // Most readers have all entries but the newest.
    if (length === 0 || order[length - 1]!.position.offset <= offset) return length;
    if (length === 1 || order[length - 2]!.position.offset <= offset) return length - 1;
    let low = 0;
    let high = length - 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (order[middle]!.position.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The value of an entry would be kept until the order is compacted. */
  private leavePlace({ key, position }: E): void {
    this.order[this.placeAfter(position.offset) - 1] = { key, position };
  }

  private compact(): void {
    if (this.order.length <= 2 * this.byKey.size + SPARE_ENTRIES) return;
    this.order = this.order.filter((entry) => this.isCurrent(entry));
  }
}
