/** Number of empty places at the start of the array that causes a copy of the rest. */
const CUT_AT = 1024;

/** A queue (first in, first out) that does not move the remaining items at every step, as `Array.shift` can do. */
export class Fifo<T> {
  private items: (T | undefined)[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  get isEmpty(): boolean {
    return this.items.length === this.head;
  }

  /** Returns the oldest item without removing it. */
  peek(): T | undefined {
    return this.items[this.head];
  }

  get last(): T | undefined {
    return this.isEmpty ? undefined : this.items[this.items.length - 1];
  }

  /** Returns the item at an index. The oldest item has index 0. */
  at(index: number): T | undefined {
    return this.items[this.head + index];
  }

  /** Replaces the item at an index. The oldest item has index 0. */
  replace(index: number, item: T): void {
    this.items[this.head + index] = item;
  }

  push(item: T): void {
    this.items.push(item);
  }

  clear(): void {
    this.items = [];
    this.head = 0;
  }

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
