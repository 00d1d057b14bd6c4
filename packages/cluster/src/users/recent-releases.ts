import { AgingMap } from '../time/aging-map.ts';

/** How long before it is noticed that the bus is down messages may be lost, with time to spare. */
const UNSURE_MS = 10_000;
/** More cost more than the answers that wait for them. */
const MAX_RELEASES = 10_000;

/** Users that were given up lately: a node that missed it would wait for answers of this node. */
export class RecentReleases {
  private readonly ids = new AgingMap<true>(UNSURE_MS, MAX_RELEASES);

  add(id: string, now: number): void {
    this.ids.set(id, true, now);
  }

  delete(id: string): void {
    this.ids.delete(id);
  }

  /** The releases that other nodes may have missed when the bus went down at that time. */
  since(downAt: number): Iterable<string> {
    return this.ids.since(downAt - UNSURE_MS);
  }
}
