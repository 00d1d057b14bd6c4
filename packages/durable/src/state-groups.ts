/** A group of a node. */
export interface KeptGroup {
  /** Called when a node may be gone. */
  peersChanged(): void;
  leave(): Promise<void>;
}

/** Number of names that are looked at with each new group. */
const LOOKS = 2;

/**
 * The state groups of a node. A group that nobody uses is kept only for as long as the application refers to it, because everything that
 * counts is in the store. So groups whose names come and go fill no memory.
 */
export class StateGroups {
  /** Whether the groups hear of the node. */
  isListening = false;
  private readonly byName = new Map<string, WeakRef<KeptGroup>>();
  /** The groups in use. */
  private readonly used = new Set<KeptGroup>();

  get(name: string): KeptGroup | undefined {
    return this.byName.get(name)?.deref();
  }

  set(name: string, group: KeptGroup): void {
    this.byName.set(name, new WeakRef(group));
    this.sweep();
  }

  /** Keeps a group, or leaves it to the application. */
  keep(group: KeptGroup, isUsed: boolean): void {
    if (isUsed) this.used.add(group);
    else this.used.delete(group);
  }

  *[Symbol.iterator](): IterableIterator<KeptGroup> {
    for (const reference of this.byName.values()) {
      const group = reference.deref();
      if (group !== undefined) yield group;
    }
  }

  private sweep(): void {
    let looks = 0;
    for (const [name, reference] of this.byName) {
      looks += 1;
      if (looks > LOOKS) return;
      this.byName.delete(name);
      if (reference.deref() !== undefined) this.byName.set(name, reference);
    }
  }
}
