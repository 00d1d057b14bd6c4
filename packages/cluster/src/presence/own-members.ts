import { hashOf } from '@headrace/core/authoring';
import type { PresenceDigest } from './presence-digest.ts';
import { ENTRY_LENGTH, type PresenceRow } from './presence-message.ts';

/** A part of the published members of a group. */
export interface PresencePart {
  readonly row: PresenceRow;
  /** The room that is left after this part. */
  readonly room: number;
  /** The place of the last id in this part. */
  readonly last: number;
  readonly isAll: boolean;
}

/** Shared by all freed groups, because they have no ids. */
const NOTHING = new Set<string>();

/** The members of this node in one group: the published members, and the changes since. */
export class OwnMembers {
  /** The token of the group's name. */
  readonly group: string;
  /** The place among the groups of the node. No later group receives the same place. */
  readonly place: number;
  /** The number of the last message about the group, or 0 before the first. */
  version = 0;
  private readonly hash: number;
  private members = 0;
  private publishedMembers = 0;
  /** The number of members with each id, because a user can have two connections. Most groups only count their members. */
  private counts: Map<string, number> | undefined = undefined;
  /** The published ids with their places, in order. A cursor into the places stays valid while ids change. */
  private published: Map<string, number> | undefined = undefined;
  private places = 0;
  /** Ids that are published but have left, or have joined but are not published. */
  private changed = new Set<string>();
  private isForgotten = false;

  constructor(group: string, place: number) {
    this.group = group;
    this.place = place;
    this.hash = hashOf(group);
  }

  get count(): number {
    return this.members;
  }

  /** Whether the group has no members, and this is published. */
  get isOver(): boolean {
    return this.members === 0 && this.publishedMembers === 0 && this.changed.size === 0;
  }

  /** Whether the group was freed. Then only the fact that it is empty is remembered. */
  get isFreed(): boolean {
    return this.isForgotten;
  }

  /** The number of ids for the next messages. */
  get unpublished(): number {
    return this.changed.size;
  }

  ids(): Iterable<string> {
    return this.counts?.keys() ?? [];
  }

  /** Adds a member. Returns true if its id is new. */
  add(id: string | undefined): boolean {
    this.members += 1;
    if (id === undefined) return false;
    this.counts ??= new Map();
    const count = this.counts.get(id) ?? 0;
    this.counts.set(id, count + 1);
    if (count > 0) return false;
    this.noteChange(id);
    return true;
  }

  /** Removes a member. Returns true if no other member has its id. */
  remove(id: string | undefined): boolean {
    this.members -= 1;
    const count = id === undefined ? undefined : this.counts?.get(id);
    if (id === undefined || count === undefined) return false;
    if (count > 1) {
      this.counts!.set(id, count - 1);
      return false;
    }
    this.counts!.delete(id);
    this.noteChange(id);
    return true;
  }

  /** Takes up to this number of ids from the unpublished changes, for a message. Returns undefined if nothing has changed. */
  change(digest: PresenceDigest, ids: number): PresenceRow | undefined {
    const { group, hash, members: count } = this;
    const joined: string[] = [];
    const left: string[] = [];
    for (const id of this.changed) {
      if (joined.length + left.length === ids) break;
      this.changed.delete(id);
      (this.counts!.has(id) ? joined : left).push(id);
    }
    if (joined.length + left.length === 0 && count === this.publishedMembers) return undefined;
    if (joined.length > 0) this.published ??= new Map();
    for (const id of joined) {
      this.places += 1;
      this.published!.set(id, this.places);
      digest.came(hash, id);
    }
    for (const id of left) {
      this.published!.delete(id);
      digest.went(hash, id);
    }
    digest.counted(hash, this.publishedMembers, count);
    this.publishedMembers = count;
    return { group, count, joined, left };
  }

  /**
   * Returns the published members from an id on, as far as they fit.
   *
   * @param after - the place of the last id that was answered, or 0
   */
  part(after: number, room: number): PresencePart {
    const { group, publishedMembers: count } = this;
    const joined: string[] = [];
    let left = room - ENTRY_LENGTH - group.length;
    let last = after;
    let isAll = true;
    for (const [id, place] of this.published ?? []) {
      if (place <= after) continue;
      isAll = left > 0;
      if (!isAll) break;
      joined.push(id);
      last = place;
      left -= ENTRY_LENGTH + id.length;
    }
    return { row: { group, count, joined, left: [] }, room: left, last, isAll };
  }

  /** Frees the memory of an ended group. */
  free(): void {
    this.isForgotten = true;
    this.counts = undefined;
    this.published = undefined;
    this.changed = NOTHING;
  }

  /** Starts again after the node's id has changed. Other nodes know no members under the new id. */
  restart(): void {
    this.version = 0;
    this.publishedMembers = 0;
    this.published = undefined;
    this.changed = new Set(this.ids());
  }

  /** Notes only real changes, because many ids can join and leave while the bus is down. */
  private noteChange(id: string): void {
    if (this.counts!.has(id) === (this.published?.has(id) === true)) this.changed.delete(id);
    else this.changed.add(id);
  }
}
