import { commonOffset, type LogEntry, type LogPage, type LogPosition } from '@headrace/store';
import { FeedOrder, type OrderAction } from '../feed/feed-order.ts';

/** Returns true if nothing was stored between an offset and this entry. */
export function comesNext({ previous }: LogEntry, after: number): boolean {
  // The value 0 can mean that the log no longer knows the previous entry.
  return previous <= after && (previous > 0 || after === 0);
}

/** The order of a log, whose entries are all delivered. A place that a live copy claims counts once the log has confirmed it. */
export class EntryOrder extends FeedOrder<LogEntry, LogPage> {
  /** The position before the last accepted live copy, or undefined once the log has confirmed the copy. */
  private before: LogPosition | undefined = undefined;
  // The first read only shows where the log ends.
  protected override readonly firstEntries = 1;

  /** The position of the last delivered entry, or undefined before the start is known. */
  get at(): LogPosition | undefined {
    return this.position;
  }

  override page(page: LogPage): OrderAction[] {
    this.isReading = false;
    this.hasMore = true;
    const { epoch, last } = page;
    const from = this.position;
    if (from === undefined) {
      const at = { epoch, offset: last };
      this.position = at;
      return [{ do: 'begin', at }, ...this.afterPage(last)];
    }
    if (from.epoch !== epoch) {
      const to = { epoch, offset: commonOffset(from, page) };
      this.position = to;
      this.before = undefined;
      this.held = this.held.filter(({ position }) => position.epoch === epoch);
      return [{ do: 'skip', from, to }, { do: 'begin', at: to }, ...this.read()];
    }
    const { before } = this;
    this.before = undefined;
    if (before !== undefined && last < from.offset) return this.back(before, from, last);
    const actions: OrderAction[] = [];
    for (const entry of page.entries) this.take(entry, actions);
    const at = this.position!;
    if (at.offset > from.offset && at.offset < last) return [...actions, ...this.read()];
    return [...actions, ...this.afterPage(last)];
  }

  override reset(): void {
    super.reset();
    this.before = undefined;
  }

  /** Moves back, because the delivered entries are after the end of the log, so no log has them. */
  private back(before: LogPosition, from: LogPosition, last: number): OrderAction[] {
    const isKnown = before.offset <= last;
    const at = isKnown ? before : { epoch: from.epoch, offset: last };
    this.position = at;
    const actions: OrderAction[] = isKnown ? [] : [{ do: 'skip', from, to: at }];
    return [...actions, { do: 'begin', at }, ...this.read()];
  }

  protected override take(entry: LogEntry, actions: OrderAction[]): void {
    const from = this.position!;
    const { position: to } = entry;
    if (to.offset <= from.offset) return;
    if (!comesNext(entry, from.offset)) actions.push({ do: 'skip', from, to });
    actions.push(this.deliver(entry));
  }

  protected override earlier(entry: LogEntry, at: LogPosition): OrderAction[] {
    const isLate = entry.position.offset < at.offset;
    // Copies arrive in order, so the place in one of the two copies is wrong.
    return isLate && this.before !== undefined ? this.read() : [];
  }

  protected override acceptLive(entry: LogEntry): OrderAction {
    const { position } = this;
    const action = this.deliver(entry);
    this.before = position;
    return action;
  }
}
