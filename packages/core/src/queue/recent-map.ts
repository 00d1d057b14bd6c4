/** A map by name with a maximum size. It removes the least recently used value first. */
export class RecentMap<V> {
  private readonly max: number;
  private readonly values = new Map<string, V>();
  /**
   * The iterator has passed the oldest value. A new iterator would pass all deleted entries again for each value that is added.
   */
  private cursor = this.values.entries();
  private passed: [name: string, value: V] | undefined;

  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.values.size;
  }

  /** Least recently used value. */
  get oldest(): V | undefined {
    this.passed ??= this.next();
    return this.passed?.[1];
  }

  /** Returns a value. This does not count as a use. */
  peek(name: string): V | undefined {
    return this.values.get(name);
  }

  /** Adds or replaces a value, which is then the most recently used value. */
  use(name: string, value: V): void {
    this.delete(name);
    this.values.set(name, value);
    if (this.values.size > this.max) this.forget(1, () => true);
  }

  /** Removes a value. Does nothing if the name is unknown. */
  delete(name: string): void {
    if (this.passed?.[0] === name) this.passed = undefined;
    this.values.delete(name);
  }

  /** Removes at most `most` values, from the least recently used value on, as long as the test returns true. */
  forget(most: number, isOver: (value: V) => boolean): void {
    for (let left = most; left > 0; left -= 1) {
      this.passed ??= this.next();
      if (this.passed === undefined || !isOver(this.passed[1])) return;
      this.delete(this.passed[0]);
    }
  }

  /** Iterates over the values, from the least recently used value on. */
  [Symbol.iterator](): IterableIterator<[name: string, value: V]> {
    return this.values.entries();
  }

  private next(): [string, V] | undefined {
    const { done, value } = this.cursor.next();
    if (done !== true) return value;
    // An iterator that has reached the end stays there.
    this.cursor = this.values.entries();
    return this.cursor.next().value;
  }
}
