import type { LogPosition, StateEntry, StatePage } from '@headrace/cluster';
import { type FeedOrder, MAX_HELD, type OrderAction, PAGE_ENTRIES } from './entry-order.ts';

type StateAction = OrderAction<StateEntry>;

/**
 * Merges live changes of a state, which can be lost, with pages of the state. A page has the newest change of each key, so changes
 * that were replaced in between are left out. Each change is delivered at most once, in the order of the offsets. The state is
 * read from its beginning at the start, when another state has replaced it, and when removals are forgotten that were not
 * delivered. The class has no clock and no store.
 */
export class StateOrder implements FeedOrder<StateEntry, StatePage> {
  private position: LogPosition | undefined = undefined;
  /** The state was read from its beginning after this offset, so no removal up to this offset is missing. */
  private readFrom = 0;
  private reads = 0;
  private isReading = false;
  private hasMore = false;
  /** Whether a change arrived that the current read may not contain. */
  private isReadAgain = false;
  private held: StateEntry[] = [];
  /** The number of held changes when the read began. */
  private heldBefore = 0;

  /** The number of reads that have begun. */
  get readCount(): number {
    return this.reads;
  }

  get isBehind(): boolean {
    return this.hasMore;
  }

  /** Reads the state, or reads it again, because it may have more changes. */
  look(): StateAction[] {
    return this.read();
  }

  live(entry: StateEntry): StateAction[] {
    const { position: at } = this;
    if (!Number.isSafeInteger(entry.position.offset)) return [];
    if (at === undefined || this.isReading) {
      this.hold(entry);
      return [];
    }
    if (entry.position.epoch !== at.epoch) return this.read();
    if (entry.position.offset <= at.offset) return [];
    if (entry.previous === at.offset) return [this.deliver(entry)];
    this.hold(entry);
    return this.read();
  }

  page(page: StatePage): StateAction[] {
    this.isReading = false;
    this.hasMore = true;
    const from = this.position;
    if (from !== undefined && this.continues(from, page)) return this.take(page);
    const { epoch, last } = page;
    const at = { epoch, offset: 0 };
    this.position = at;
    this.readFrom = last;
    const restart: StateAction = { do: 'restart', at };
    if (from === undefined) return [restart, ...this.take(page)];
    this.held = this.held.filter(({ position }) => position.epoch === epoch);
    return [restart, ...this.read()];
  }

  /** Called when the state could not be read. Held changes are kept for the next {@link look}. */
  failed(): void {
    this.isReading = false;
  }

  reset(): void {
    this.position = undefined;
    this.readFrom = 0;
    this.isReading = false;
    this.hasMore = false;
    this.isReadAgain = false;
    this.held = [];
  }

  /** Returns true if the entries of a page are everything that has changed since a position. */
  private continues(from: LogPosition, { epoch, last, floor }: StatePage): boolean {
    if (epoch !== from.epoch || last < from.offset) return false;
    return floor <= Math.max(from.offset, this.readFrom);
  }

  private take({ epoch, entries, end, last, floor }: StatePage): StateAction[] {
    const actions: StateAction[] = [];
    for (const entry of entries) {
      if (entry.position.offset > this.position!.offset) actions.push(this.deliver(entry));
    }
    // The newest changes of the page can be removals that are forgotten.
    const at = { epoch, offset: Math.max(end, this.position!.offset) };
    this.position = at;
    if (end < last) return [...actions, ...this.read()];
    return [...actions, { do: 'reached', at, floor }, ...this.afterPage()];
  }

  private read(): StateAction[] {
    if (this.isReading) {
      this.isReadAgain = true;
      return [];
    }
    this.isReading = true;
    this.isReadAgain = false;
    this.reads += 1;
    this.heldBefore = this.held.length;
    return [{ do: 'read', after: this.position?.offset ?? 0, limit: PAGE_ENTRIES }];
  }

  /** Continues with the changes that arrived during the read. */
  private afterPage(): StateAction[] {
    this.hasMore = false;
    const actions: StateAction[] = [];
    const { held, heldBefore } = this;
    this.held = [];
    for (const [i, entry] of held.entries()) {
      const at = this.position!;
      const isOfOther = entry.position.epoch !== at.epoch;
      if (!isOfOther && entry.position.offset <= at.offset) continue;
      if (!isOfOther && entry.previous === at.offset) actions.push(this.deliver(entry));
      else if (i >= heldBefore) {
        // The read may have been too early for this change, or for those before it.
        this.held = held.slice(i);
        return [...actions, ...this.read()];
      }
    }
    return this.isReadAgain ? [...actions, ...this.read()] : actions;
  }

  private deliver(entry: StateEntry): StateAction {
    this.position = entry.position;
    return { do: 'deliver', entry };
  }

  private hold(entry: StateEntry): void {
    if (this.held.length < MAX_HELD) this.held.push(entry);
    else this.isReadAgain = true;
  }
}
