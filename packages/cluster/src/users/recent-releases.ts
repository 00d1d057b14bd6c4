/** How long before it is noticed that the bus is down messages may be lost, with time to spare. */
const UNSURE_MS = 10_000;
/** More cost more than the answers that wait for them. */
const MAX_RELEASES = 10_000;

/** Users that were given up lately: who missed that would wait for answers of this node. */
export class RecentReleases {
  private readonly ids = new Map<string, number>();

  add(id: string, now: number): void {
    this.ids.delete(id);
    this.ids.set(id, now);
    for (const [oldest, at] of this.ids) {
      if (now - at <= UNSURE_MS && this.ids.size <= MAX_RELEASES) break;
      this.ids.delete(oldest);
    }
  }

  delete(id: string): void {
    this.ids.delete(id);
  }

  /** Those that may have been missed when the bus went down at that time. */
  *since(downAt: number): IterableIterator<string> {
    for (const [id, at] of this.ids) if (at >= downAt - UNSURE_MS) yield id;
  }
}
