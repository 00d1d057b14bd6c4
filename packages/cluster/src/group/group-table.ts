/** Number of names that are looked at with each group that comes to rest. */
const LOOKS = 2;

/**
 * The groups of a node by name, each one object. A group in use, which has members or listeners or work under way, is kept. A group
 * that nothing on the node needs is at rest: the table has it only for as long as the application refers to it. So a group that
 * the application holds is the group of its name, and groups whose names come and go fill no memory.
 */
export class GroupTable<Group extends { readonly name: string }> {
  private readonly inUse = new Map<string, Group>();
  private readonly atRest = new Map<string, WeakRef<Group>>();

  /** The groups in use. */
  get used(): ReadonlyMap<string, Group> {
    return this.inUse;
  }

  /** Returns the groups in use, and those at rest that the application may refer to. */
  all(): Group[] {
    const resting = Array.from(this.atRest.values(), (reference) => reference.deref());
    return [...this.inUse.values(), ...resting.filter((group) => group !== undefined)];
  }

  get(name: string): Group | undefined {
    return this.inUse.get(name) ?? this.atRest.get(name)?.deref();
  }

  /** Gives a group its name, and keeps the group or leaves it to the application. */
  keep(group: Group, isUsed: boolean): void {
    const { name } = group;
    this.atRest.delete(name);
    if (isUsed) {
      this.inUse.set(name, group);
      return;
    }
    this.inUse.delete(name);
    this.atRest.set(name, new WeakRef(group));
    this.sweep();
  }

  /** Forgets names whose group is gone. Each round begins with the names that were not looked at for the longest time. */
  private sweep(): void {
    let looks = 0;
    for (const [name, reference] of this.atRest) {
      looks += 1;
      if (looks > LOOKS) return;
      this.atRest.delete(name);
      if (reference.deref() !== undefined) this.atRest.set(name, reference);
    }
  }
}
