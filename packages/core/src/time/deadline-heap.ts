import type { DeadlineEntry } from '../contract/clock.ts';

/** An entry of a heap. It has no `expire` method, because the owner of the heap handles the entry. */
export type HeapEntry = Pick<DeadlineEntry, 'deadline' | 'heapIndex' | 'heapOrder'>;

function isBefore(one: HeapEntry, other: HeapEntry): boolean {
  if (one.deadline !== other.deadline) return one.deadline < other.deadline;
  return ((one.heapOrder - other.heapOrder) | 0) < 0;
}

/**
 * A heap of deadlines, earliest first, and in the order of adding if the times are equal. Any entry can be removed at any
 * time, and then uses no memory. Entries with the same time-out are added at the end of the heap and stay there. Adding such
 * an entry costs one comparison, whatever the size of the heap.
 */
export class DeadlineHeap<E extends HeapEntry> {
  private readonly entries: E[] = [];
  private added = 0;

  get size(): number {
    return this.entries.length;
  }

  /** The entry that is due first. */
  get first(): E | undefined {
    return this.entries[0];
  }

  add(entry: E): void {
    // `| 0` keeps a small integer, even after 2^31 entries.
    this.added = (this.added + 1) | 0;
    entry.heapOrder = this.added;
    this.entries.push(entry);
    this.up(entry, this.entries.length - 1);
  }

  /** Removes an entry. Does nothing if the heap does not contain it. */
  remove(entry: E): void {
    const { entries } = this;
    const at = entry.heapIndex;
    if (at === -1) return;
    entry.heapIndex = -1;
    const last = entries.pop()!;
    if (last === entry) return;
    if (at > 0 && isBefore(last, entries[(at - 1) >> 1]!)) this.up(last, at);
    else this.down(last, at);
  }

  clear(): void {
    for (const entry of this.entries.splice(0)) entry.heapIndex = -1;
  }

  private up(entry: E, from: number): void {
    const { entries } = this;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = entries[parentAt]!;
      if (!isBefore(entry, parent)) break;
      entries[at] = parent;
      parent.heapIndex = at;
      at = parentAt;
    }
    entries[at] = entry;
    entry.heapIndex = at;
  }

  private down(entry: E, from: number): void {
    const { entries } = this;
    const half = entries.length >> 1;
    let at = from;
    while (at < half) {
      let childAt = at * 2 + 1;
      let child = entries[childAt]!;
      const right = entries[childAt + 1];
      if (right !== undefined && isBefore(right, child)) {
        childAt += 1;
        child = right;
      }
      if (!isBefore(child, entry)) break;
      entries[at] = child;
      child.heapIndex = at;
      at = childAt;
    }
    entries[at] = entry;
    entry.heapIndex = at;
  }
}
