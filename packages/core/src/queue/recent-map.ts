/** Values by name, no more than a given number: the one that was used least recently is forgotten first. */
export class RecentMap<V> {
  private readonly max: number;
  private readonly values = new Map<string, V>();
  /** Has passed the oldest. A new iterator would pass all deleted entries again, for each that is added. */
  private cursor = this.values.entries();
  private passed: [name: string, value: V] | undefined;

  constructor(max: number) {
    this.max = max;
  }

  /** How many values there are. */
  get size(): number {
    return this.values.size;
  }

  /** The value used least recently. */
  get oldest(): V | undefined {
    this.passed ??= this.next();
    return this.passed?.[1];
  }

  /** Does not count as a use. */
  peek(name: string): V | undefined {
    return this.values.get(name);
  }

  /** Adds or replaces a value: it is the one used last. */
  use(name: string, value: V): void {
    this.delete(name);
    this.values.set(name, value);
    if (this.values.size > this.max) this.forget(1, () => true);
  }

  /** Removes a value; does nothing if there is none of this name. */
  delete(name: string): void {
    if (this.passed?.[0] === name) this.passed = undefined;
    this.values.delete(name);
  }

  /** Forgets at most so many, of those used least recently the first for which the test is true. */
  forget(most: number, isOver: (value: V) => boolean): void {
    for (let left = most; left > 0; left -= 1) {
      this.passed ??= this.next();
      if (this.passed === undefined || !isOver(this.passed[1])) return;
      this.delete(this.passed[0]);
    }
  }

  /** From the one used least recently on. */
  [Symbol.iterator](): IterableIterator<[name: string, value: V]> {
    return this.values.entries();
  }

  private next(): [string, V] | undefined {
    const { done, value } = this.cursor.next();
    if (done !== true) return value;
    // An iterator that has come to the end stays there.
    this.cursor = this.values.entries();
    return this.cursor.next().value;
  }
}
