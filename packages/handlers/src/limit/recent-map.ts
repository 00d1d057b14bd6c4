/** Values by name, no more than a given number: the one that was used least lately is forgotten first. */
export class RecentMap<V> {
  private readonly max: number;
  private readonly values = new Map<string, V>();

  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.values.size;
  }

  /** Does not count as a use. */
  peek(name: string): V | undefined {
    return this.values.get(name);
  }

  /** Adds or replaces a value: it is the one used last. */
  use(name: string, value: V): void {
    this.values.delete(name);
    this.values.set(name, value);
    if (this.values.size > this.max) this.forget(1, () => true);
  }

  delete(name: string): void {
    this.values.delete(name);
  }

  /** Forgets at most so many, of those used least lately the first for which the test is true. */
  forget(most: number, isOver: (value: V) => boolean): void {
    let left = most;
    for (const [name, value] of this.values) {
      if (left === 0 || !isOver(value)) return;
      this.values.delete(name);
      left -= 1;
    }
  }
}
