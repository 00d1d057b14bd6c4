import { OwnMembers } from './own-members.ts';
import { PresenceDigest } from './presence-digest.ts';
import { MAX_ENTRIES, type PresenceRow, packed } from './presence-message.ts';

/** What a node that missed something is sent: whole groups, the one first that changed first. */
export interface PresenceAnswer {
  /** All changes up to this number are in it. */
  readonly upTo: number;
  /** Nothing changed after it. */
  readonly isAll: boolean;
  readonly pages: PresenceRow[][];
}

/** The members of this node in all its groups: one stream of changes. Without clock and bus. */
export class OwnPresence {
  private readonly groups = new Map<string, OwnMembers>();
  private readonly dirty = new Set<OwnMembers>();
  /** Those that were ever published, the one first whose last change is the oldest. */
  private readonly published = new Set<OwnMembers>();
  private sum = new PresenceDigest();

  /** Of all that was published. */
  get digest(): number {
    return this.sum.value;
  }

  /** The members of a group, which has none yet. @param group - the token of its name */
  group(group: string): OwnMembers {
    const members = new OwnMembers(group);
    this.groups.set(group, members);
    return members;
  }

  changed(members: OwnMembers): void {
    this.dirty.add(members);
  }

  /** Gives what changed since the last call to `send`, which returns the number of its message. */
  flush(send: (rows: PresenceRow[]) => number): void {
    for (const rows of packed(this.changes())) {
      const number = send(rows);
      for (const { group } of rows) {
        const members = this.groups.get(group)!;
        members.version = number;
        this.published.delete(members);
        this.published.add(members);
      }
    }
  }

  /** What changed after a number. @param last - the number of the last message */
  since(number: number, last: number): PresenceAnswer {
    const rows: PresenceRow[] = [];
    let entries = 0;
    let upTo = number;
    for (const members of this.published) {
      if (members.version <= number) continue;
      // All groups of one message, or none: where it goes on is known by a number.
      if (entries >= MAX_ENTRIES && members.version > upTo) {
        return { upTo, isAll: false, pages: [...packed(rows)] };
      }
      const row = members.all();
      rows.push(row);
      entries += 1 + row.joined.length;
      upTo = members.version;
    }
    return { upTo: last, isAll: true, pages: [...packed(rows)] };
  }

  /** The node has another id, of which nobody knows anything. */
  restart(): void {
    this.sum = new PresenceDigest();
    this.published.clear();
    for (const members of this.groups.values()) {
      members.restart();
      this.dirty.add(members);
    }
  }

  private *changes(): IterableIterator<PresenceRow> {
    for (const members of this.dirty) {
      this.dirty.delete(members);
      const row = members.change(this.sum);
      if (row !== undefined) yield row;
    }
  }
}
