import type { PresenceDelta, PresencePage } from './presence-machine.ts';

/** Ids of each kind in one delta: together they are less than a message may have. */
const MAX_IDS_IN_DELTA = 500;
export const PAGE_IDS = 1000;

/** The members of this node in one group: what of them has been published, and what changed since. */
export class OwnMembers {
  /** How many members have the id: a person may have two connections. */
  private readonly counts = new Map<string, number>();
  private readonly published = new Set<string>();
  private readonly changed = new Set<string>();
  private members = 0;
  private publishedMembers = 0;
  private version = 0;

  get count(): number {
    return this.members;
  }

  /** True if nothing was ever published. */
  get isNew(): boolean {
    return this.version === 0;
  }

  ids(): IterableIterator<string> {
    return this.counts.keys();
  }

  has(id: string): boolean {
    return this.counts.has(id);
  }

  /** True if the id was not there. */
  add(id: string | undefined): boolean {
    this.members += 1;
    if (id === undefined) return false;
    const count = this.counts.get(id) ?? 0;
    this.counts.set(id, count + 1);
    this.changed.add(id);
    return count === 0;
  }

  /** True if the id is not there any more. */
  remove(id: string | undefined): boolean {
    this.members -= 1;
    const count = id === undefined ? undefined : this.counts.get(id);
    if (id === undefined || count === undefined) return false;
    if (count === 1) this.counts.delete(id);
    else this.counts.set(id, count - 1);
    this.changed.add(id);
    return count === 1;
  }

  /** What changed since the last call, in as many deltas as it takes. */
  deltas(): PresenceDelta[] {
    const joined: string[] = [];
    const left: string[] = [];
    for (const id of this.changed) {
      const [is, was] = [this.counts.has(id), this.published.has(id)];
      if (is && !was) joined.push(id);
      if (was && !is) left.push(id);
    }
    this.changed.clear();
    if (joined.length + left.length === 0 && this.members === this.publishedMembers) return [];
    for (const id of joined) this.published.add(id);
    for (const id of left) this.published.delete(id);
    this.publishedMembers = this.members;
    const deltas: PresenceDelta[] = [];
    do {
      const some = {
        joined: joined.splice(0, MAX_IDS_IN_DELTA),
        left: left.splice(0, MAX_IDS_IN_DELTA),
      };
      this.version += 1;
      const { version, members: count } = this;
      deltas.push({ version, from: version - 1, count, ...some });
    } while (joined.length + left.length > 0);
    return deltas;
  }

  /** Announces the present version, for nodes that missed it. */
  reminder(): PresenceDelta {
    const { version, publishedMembers: count } = this;
    return { version, from: version, count, joined: [], left: [] };
  }

  /** All ids, in pages of one version. */
  pages(): PresencePage[] {
    const ids = [...this.published];
    const pages = Math.max(1, Math.ceil(ids.length / PAGE_IDS));
    const { version, publishedMembers: count } = this;
    return Array.from({ length: pages }, (_, page) => ({
      version,
      count,
      page,
      pages,
      ids: ids.slice(page * PAGE_IDS, (page + 1) * PAGE_IDS),
    }));
  }

  /** Under a new id of the node nobody knows anything of us. */
  restart(): void {
    this.version = 0;
    this.publishedMembers = 0;
    this.published.clear();
    for (const id of this.counts.keys()) this.changed.add(id);
  }
}
