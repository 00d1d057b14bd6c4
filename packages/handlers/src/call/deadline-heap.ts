/** Something that ends at a time; the heap keeps its place in it. */
export interface DeadlineEntry {
  /** When it is due, by the owner's clock. */
  deadline: number;
  /** Its place in the heap, -1 while it is in none. Belongs to the heap. */
  heapIndex: number;
}

/**
 * Deadlines, the earliest first; any may be taken out at any time. Calls of one time-out are added at the end of the
 * heap and stay there: adding costs one comparison, however many there are, and nothing is left of what was taken out.
 */
export class DeadlineHeap<E extends DeadlineEntry> {
  private readonly entries: E[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** The one that is due first. */
  get first(): E | undefined {
    return this.entries[0];
  }

  add(entry: E): void {
    this.entries.push(entry);
    this.up(entry, this.entries.length - 1);
  }

  /** Does nothing for one that is not there. */
  remove(entry: E): void {
    const { entries } = this;
    const at = entry.heapIndex;
    if (at === -1) return;
    entry.heapIndex = -1;
    const last = entries.pop()!;
    if (last === entry) return;
    if (at > 0 && last.deadline < entries[(at - 1) >> 1]!.deadline) this.up(last, at);
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
      if (parent.deadline <= entry.deadline) break;
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
      if (right !== undefined && right.deadline < child.deadline) {
        childAt += 1;
        child = right;
      }
      if (child.deadline >= entry.deadline) break;
      entries[at] = child;
      child.heapIndex = at;
      at = childAt;
    }
    entries[at] = entry;
    entry.heapIndex = at;
  }
}
