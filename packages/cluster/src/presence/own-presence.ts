import { OwnMembers } from './own-members.ts';
import { PresenceDigest } from './presence-digest.ts';
import {
  MAX_ANSWER_LENGTH,
  MAX_ENTRIES,
  type PresenceAnswer,
  type PresenceCursor,
  type PresenceRow,
} from './presence-message.ts';

/** The members of this node in all its groups: one stream of changes. Without clock and bus. */
export class OwnPresence {
  /** No group is ever forgotten: its number stays. */
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

  /**
   * Gives what changed since the last call to `send`, as much as one message has, which returns the number of that. The
   * rest is for the next call: what was not given is not in the digest. False if nothing changed.
   */
  flush(send: (rows: PresenceRow[]) => number): boolean {
    const rows: PresenceRow[] = [];
    const changed: OwnMembers[] = [];
    let room = MAX_ENTRIES;
    for (const members of this.dirty) {
      if (room <= 1) break;
      const row = members.change(this.sum, room - 1);
      if (members.unpublished === 0) this.dirty.delete(members);
      if (row === undefined) continue;
      changed.push(members);
      rows.push(row);
      room -= 1 + row.joined.length + row.left.length;
    }
    if (rows.length === 0) return false;
    const number = send(rows);
    for (const members of changed) members.version = number;
    return true;
  }

  /**
   * The groups that changed after a number, whole, in the order of their places. Groups that change while one answer follows
   * another goes out as messages besides.
   *
   * @param last - the number of the last message
   */
  since(number: number, last: number, from: PresenceCursor): PresenceAnswer {
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

  /** The node has a new id, unknown to the other nodes. */
  restart(): void {
    this.sum = new PresenceDigest();
    for (const members of this.groups) {
      members.restart();
      this.dirty.add(members);
    }
  }
}
