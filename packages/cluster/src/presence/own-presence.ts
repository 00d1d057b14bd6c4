import { OwnMembers } from './own-members.ts';
import { PresenceDigest } from './presence-digest.ts';
import {
  MAX_ANSWER_LENGTH,
  type PresenceAnswer,
  type PresencePlace,
  type PresenceRow,
  packed,
} from './presence-message.ts';

/** The members of this node in all its groups: one stream of changes. Without clock and bus. */
export class OwnPresence {
  /** None is ever forgotten: the place of a group stays. */
  private readonly groups: OwnMembers[] = [];
  private readonly dirty = new Set<OwnMembers>();
  private sum = new PresenceDigest();

  /** Of all that was published. */
  get digest(): number {
    return this.sum.value;
  }

  /** The members of a group, which has none yet. @param group - the token of its name */
  group(group: string): OwnMembers {
    const members = new OwnMembers(group);
    this.groups.push(members);
    return members;
  }

  changed(members: OwnMembers): void {
    this.dirty.add(members);
  }

  /** Gives what changed since the last call to `send`, which returns the number of its message. */
  flush(send: (rows: PresenceRow[]) => number): void {
    const changed = new Map<string, OwnMembers>();
    for (const rows of packed(this.changes(changed))) {
      const number = send(rows);
      for (const { group } of rows) changed.get(group)!.version = number;
    }
  }

  /**
   * What changed after a number: whole groups, in the order of their places. What changes while one answer follows
   * another goes out as messages besides.
   *
   * @param last - the number of the last message
   */
  since(number: number, last: number, from: PresencePlace): PresenceAnswer {
    const rows: PresenceRow[] = [];
    let room = MAX_ANSWER_LENGTH;
    let after = from.id;
    for (let group = from.group; group < this.groups.length; group += 1) {
      const members = this.groups[group]!;
      if (members.version > number) {
        if (room <= 0) return { upTo: last, next: { group, id: after }, rows };
        const part = members.part(after, room);
        rows.push(part.row);
        if (!part.isAll) return { upTo: last, next: { group, id: part.last }, rows };
        room = part.room;
      }
      after = 0;
    }
    return { upTo: last, next: undefined, rows };
  }

  /** The node has another id, of which nobody knows anything. */
  restart(): void {
    this.sum = new PresenceDigest();
    for (const members of this.groups) {
      members.restart();
      this.dirty.add(members);
    }
  }

  private *changes(changed: Map<string, OwnMembers>): IterableIterator<PresenceRow> {
    for (const members of this.dirty) {
      this.dirty.delete(members);
      const row = members.change(this.sum);
      if (row === undefined) continue;
      changed.set(members.group, members);
      yield row;
    }
  }
}
