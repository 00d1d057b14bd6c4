/** How many taken places may lead the array before it is cut. */
const CUT_AT = 1024;

/** First in, first out, without moving the rest at every step as `Array.shift` may. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  /** How many items there are. */
  get size(): number {
    return this.items.length - this.head;
  }

  /** True if there is no item. */
  get isEmpty(): boolean {
    return this.items.length === this.head;
  }

  /** The oldest item, which stays. */
  peek(): T | undefined {
    return this.items[this.head];
  }

  /** The newest item. */
  get last(): T | undefined {
    return this.isEmpty ? undefined : this.items[this.items.length - 1];
  }

  /** The item at an index, counted from the first one. */
  at(index: number): T | undefined {
    return this.items[this.head + index];
  }

  /** Puts an item in the place of another; the oldest has the index 0. */
  replace(index: number, item: T): void {
    this.items[this.head + index] = item;
  }

  /** Adds an item as the newest. */
  push(item: T): void {
    this.items.push(item);
  }

  /** Removes all items. */
  clear(): void {
    this.items = [];
    this.head = 0;
  }

  /** Removes the oldest item, and returns it. */
  shift(): T | undefined {
    if (this.isEmpty) return undefined;
    const item = this.items[this.head];
    this.items[this.head] = undefined;
    this.head += 1;
    if (this.isEmpty) {
      this.items = [];
      this.head = 0;
    } else if (this.head >= CUT_AT && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }
}
