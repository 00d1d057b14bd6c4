import { OwnMembers } from './own-members.ts';
import { PresenceDigest } from './presence-digest.ts';
import {
  MAX_ANSWER_LENGTH,
  MAX_ENTRIES,
  type PresenceAnswer,
  type PresenceCursor,
  type PresenceRow,
} from './presence-message.ts';

/**
 * Number of freed groups that are remembered, because some nodes may not know that the groups are empty. A node with more groups
 * remembers more.
 */
const MAX_FREED = 1000;

/** The members of this node in all its groups, as one stream of changes, without clock and bus. */
export class OwnPresence {
  /** The groups in the order of their places, including recently freed groups. */
  private groups: OwnMembers[] = [];
  private places = 0;
  private freed = 0;
  /** Groups that will be freed when it is published that they are empty. */
  private readonly leaving = new Map<string, OwnMembers>();
  private readonly dirty = new Set<OwnMembers>();
  private sum = new PresenceDigest();

  /** The digest of the published members. */
  get digest(): number {
    return this.sum.value;
  }

  /** The number of groups, including recently freed groups. */
  get size(): number {
    return this.groups.length;
  }

  /** Makes a group without members. @param group - the token of the group's name */
  group(group: string): OwnMembers {
    const again = this.leaving.get(group);
    if (again !== undefined) {
      // It is not published yet that the group was empty, and a group has only one row.
      this.leaving.delete(group);
      return again;
    }
    this.places += 1;
    const members = new OwnMembers(group, this.places);
    this.groups.push(members);
    return members;
  }

  /** Frees a group. The group is forgotten when it is published that it is empty. */
  free(members: OwnMembers): void {
    this.leaving.set(members.group, members);
    this.forget(members);
  }

  changed(members: OwnMembers): void {
    this.dirty.add(members);
  }

  /**
   * Passes the changes since the last call to `send`, up to the size of one message. `send` returns the number of the message.
   * The digest does not contain changes that are left for the next call. Returns false if nothing changed.
   */
  flush(send: (rows: PresenceRow[]) => number, maxEntries = MAX_ENTRIES): boolean {
    const rows: PresenceRow[] = [];
    const changed: OwnMembers[] = [];
    let room = maxEntries;
    for (const members of this.dirty) {
      if (room <= 1) break;
      const row = members.change(this.sum, room - 1);
      if (members.unpublished === 0) this.dirty.delete(members);
      if (row === undefined) {
        this.forget(members);
        continue;
      }
      changed.push(members);
      rows.push(row);
      room -= 1 + row.joined.length + row.left.length;
    }
    if (rows.length === 0) return false;
    const number = send(rows);
    for (const members of changed) {
      members.version = number;
      this.forget(members);
    }
    return true;
  }

  /**
   * Returns the groups that changed after a number, with all members, in the order of their places. A freed group is empty. A
   * group that was freed long ago is left out, but then the digests differ, and the other node asks for everything. Changes
   * during a series of answers are also sent as messages.
   *
   * @param last - the number of the last message
   */
  since(
    number: number,
    last: number,
    from: PresenceCursor,
    maxLength = MAX_ANSWER_LENGTH,
  ): PresenceAnswer {
    const rows: PresenceRow[] = [];
    let room = maxLength;
    for (let at = this.indexOf(from.group); at < this.groups.length; at += 1) {
      const members = this.groups[at]!;
      const { place: group, version, isFreed } = members;
      // In an answer to a full question, a missing group is known to be empty.
      if (version <= number || (isFreed && number === 0)) continue;
      const after = group === from.group ? from.id : 0;
      if (room <= 0) return { upTo: last, next: { group, id: after }, rows };
      const part = members.part(after, room);
      rows.push(part.row);
      if (!part.isAll) return { upTo: last, next: { group, id: part.last }, rows };
      room = part.room;
    }
    return { upTo: last, next: undefined, rows };
  }

  /** Starts again with a new node id, which the other nodes do not know. */
  restart(): void {
    this.sum = new PresenceDigest();
    this.dirty.clear();
    this.groups = this.groups.filter(
      (members) => !members.isFreed && this.leaving.get(members.group) !== members,
    );
    this.leaving.clear();
    this.freed = 0;
    for (const members of this.groups) {
      members.restart();
      this.dirty.add(members);
    }
  }

  /** Forgets a group that is to be freed, if it is published that the group is empty. */
  private forget(members: OwnMembers): void {
    if (this.leaving.get(members.group) !== members || !members.isOver) return;
    this.leaving.delete(members.group);
    this.dirty.delete(members);
    members.free();
    this.freed += 1;
    if (this.freed > Math.max(MAX_FREED, this.groups.length - this.freed)) this.dropFreed();
  }

  /** Drops the older half of the freed groups. */
  private dropFreed(): void {
    const freed = this.groups.filter(({ isFreed }) => isFreed);
    const versions = freed.map(({ version }) => version).sort((a, b) => a - b);
    const middle = versions[versions.length >> 1]!;
    this.groups = this.groups.filter(({ isFreed, version }) => !isFreed || version > middle);
    this.freed = versions.filter((version) => version > middle).length;
  }

  /** Returns the index of the first group at a place or after it. */
  private indexOf(place: number): number {
    let low = 0;
    let high = this.groups.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.groups[middle]!.place < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
