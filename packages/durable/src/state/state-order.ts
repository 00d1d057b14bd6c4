import type { LogPosition, StateEntry, StatePage } from '@headrace/store';
import { FeedOrder, type OrderAction } from '../feed/feed-order.ts';

type StateAction = OrderAction<StateEntry>;

/**
 * The order of a state. A page has the newest change of each key, so changes that were replaced in between are left out. The state is
 * read from its beginning at the start, when another state has replaced it, and when removals are forgotten that were not delivered.
 */
export class StateOrder extends FeedOrder<StateEntry, StatePage> {
  /** The state was read from its beginning after this offset, so no removal up to this offset is missing. */
  private readFrom = 0;

  override live(entry: StateEntry): StateAction[] {
    const { position: from } = this;
    const { position, isFirst = false } = entry;
    const isNew = from !== undefined && from.epoch !== position.epoch;
    if (!isFirst || !isNew || this.isReading || position.offset <= from.offset)
      return super.live(entry);
    const at = { epoch: position.epoch, offset: 0 };
    this.readFrom = 0;
    return [{ do: 'restart', at }, this.deliver(entry), { do: 'reached', at: position, floor: 0 }];
  }

  override page(page: StatePage): StateAction[] {
    this.isReading = false;
    this.hasMore = true;
    const from = this.position;
    if (from !== undefined && this.continues(from, page)) return this.takeAll(page);
    const { epoch, last } = page;
    const at = { epoch, offset: 0 };
    this.position = at;
    this.readFrom = last;
    const restart: StateAction = { do: 'restart', at };
    if (from === undefined) return [restart, ...this.takeAll(page)];
    this.held = this.held.filter(({ position }) => position.epoch === epoch);
    // The page has all of a state that was empty at the position before.
    const isWhole = page.begunAfter !== undefined && from.offset <= page.begunAfter;
    return [restart, ...(isWhole ? this.takeAll(page) : this.read())];
  }

  override reset(): void {
    super.reset();
    this.readFrom = 0;
  }

  /** Returns true if the entries of a page are everything that has changed since a position. */
  private continues(from: LogPosition, { epoch, last, floor }: StatePage): boolean {
    if (epoch !== from.epoch || last < from.offset) return false;
    return floor <= Math.max(from.offset, this.readFrom);
  }

  private takeAll({ epoch, entries, end, last, floor }: StatePage): StateAction[] {
    const actions: StateAction[] = [];
    for (const entry of entries) this.take(entry, actions);
    // The newest changes of the page can be removals that are forgotten.
    const at = { epoch, offset: Math.max(end, this.position!.offset) };
    this.position = at;
    if (end < last) return [...actions, ...this.read()];
    return [...actions, { do: 'reached', at, floor }, ...this.afterPage(end)];
  }

  protected override take(entry: StateEntry, actions: StateAction[]): void {
    if (entry.position.offset > this.position!.offset) actions.push(this.deliver(entry));
  }
}
