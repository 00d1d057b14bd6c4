import { hashOf } from '../node/text-hash.ts';
import type { PresenceDigest } from './presence-digest.ts';
import { ENTRY_LENGTH, type PresenceRow } from './presence-message.ts';

/** Some of what is published of a group. */
export interface PresencePart {
  readonly row: PresenceRow;
  /** The rest of it. */
  readonly room: number;
  /** The place of its last id. */
  readonly last: number;
  readonly isAll: boolean;
}

/** Of all freed groups: they have no ids. */
const NOTHING = new Set<string>();

/** The members of this node in one group: what of them has been published, and what changed since. */
export class OwnMembers {
  /** The token of its name. */
  readonly group: string;
  /** Among those of the node; not given to another one later. */
  readonly place: number;
  /** The number of the last message about it; 0 before the first. */
  version = 0;
  private readonly hash: number;
  private members = 0;
  private publishedMembers = 0;
  /** How many members have the id: a person may have two connections. Most groups only count. */
  private counts: Map<string, number> | undefined = undefined;
  /** Each with its place, the first one first: where an answer goes on stays true while others come and go. */
  private published: Map<string, number> | undefined = undefined;
  private places = 0;
  /** The ids that are published and not there, or there and not published. */
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

  /** True if it has no members, and that is published. */
  get isOver(): boolean {
    return this.members === 0 && this.publishedMembers === 0 && this.changed.size === 0;
  }

  /** True for a group that was freed: only that it is empty is remembered. */
  get isFreed(): boolean {
    return this.isForgotten;
  }

  /** How many ids the next messages have. */
  get unpublished(): number {
    return this.changed.size;
  }

  ids(): Iterable<string> {
    return this.counts?.keys() ?? [];
  }

  /** True if the id was not there. */
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

  /** True if the id is not there any more. */
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

  /** The changes since the last call, up to this many ids, which are published now; undefined if there are none. */
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
   * Its published members from an id on, as many as there is room for.
   *
   * @param after - the place of the last id that was answered; 0 for none
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

  /** The group is over, and nobody asks it for anything any more. */
  free(): void {
    this.isForgotten = true;
    this.counts = undefined;
    this.published = undefined;
    this.changed = NOTHING;
  }

  /** The node has a new id, under which the others know no members. */
  restart(): void {
    this.version = 0;
    this.publishedMembers = 0;
    this.published = undefined;
    this.changed = new Set(this.ids());
  }

  /** While the bus is down ids come and go without end: those for which nothing has changed are not kept. */
  private noteChange(id: string): void {
    if (this.counts!.has(id) === (this.published?.has(id) === true)) this.changed.delete(id);
    else this.changed.add(id);
  }
}
