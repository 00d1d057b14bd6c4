interface Aging<V> {
  readonly key: string;
  readonly value: V;
  readonly at: number;
}

/** Values by key, for a limited time and up to a limited number; the oldest go first. */
export class AgingMap<V> {
  private readonly entries = new Map<string, Aging<V>>();
  private readonly maxAgeMs: number;
  private readonly maxSize: number;
  /** Stands at the oldest entry. A new iterator would pass all deleted entries again, once for each that is added. */
  private cursor = this.entries.values();
  private oldest: Aging<V> | undefined;

  constructor(maxAgeMs: number, maxSize: number) {
    this.maxAgeMs = maxAgeMs;
    this.maxSize = maxSize;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: string): V | undefined {
    return this.entries.get(key)?.value;
  }

  /** A key that is there already becomes the newest. */
  set(key: string, value: V, now: number): void {
    this.entries.delete(key);
    this.entries.set(key, { key, value, at: now });
    this.forget(now);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  forget(now: number): void {
    for (;;) {
      this.oldest ??= this.next();
      const { oldest } = this;
      if (oldest === undefined) return;
      if (this.entries.get(oldest.key) === oldest) {
        if (now - oldest.at <= this.maxAgeMs && this.entries.size <= this.maxSize) return;
        this.entries.delete(oldest.key);
      }
      this.oldest = undefined;
    }
  }

  /** The keys that were set at this time or later, the oldest first. */
  *since(time: number): IterableIterator<string> {
    for (const { key, at } of this.entries.values()) if (at >= time) yield key;
  }

  private next(): Aging<V> | undefined {
    const { done, value } = this.cursor.next();
    if (done !== true) return value;
    // An iterator that has come to the end stays there.
    this.cursor = this.entries.values();
    return this.cursor.next().value;
  }
}
