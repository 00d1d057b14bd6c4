import type { LogEntry, LogPage, LogPosition } from '@headrace/cluster';

/** An action that follows from an entry or a page. */
export type OrderAction<E extends LogEntry = LogEntry> =
  | { readonly do: 'deliver'; readonly entry: E }
  /** The log must be read. Then `page` or `failed` is called. Only one read is under way. */
  | { readonly do: 'read'; readonly after: number; readonly limit: number }
  /** Everything after this position is delivered. */
  | { readonly do: 'begin'; readonly at: LogPosition }
  /** Of a state: the newest change of each key is delivered again, from the beginning of this position on. */
  | { readonly do: 'restart'; readonly at: LogPosition }
  /** Of a state: the changes up to this position are delivered. Removals up to `floor` can be missing in what was read. */
  | { readonly do: 'reached'; readonly at: LogPosition; readonly floor: number }
  /** The entries between these positions are in no log any more. */
  | { readonly do: 'skip'; readonly from: LogPosition; readonly to: LogPosition };

/** Decides what follows from live entries and from pages; see {@link EntryOrder}. */
export interface FeedOrder<E extends LogEntry, Page> {
  readonly readCount: number;
  /** Whether the last page was not the end of what there was at its read. Then another read is under way. */
  readonly isBehind: boolean;
  look(): OrderAction<E>[];
  live(entry: E): OrderAction<E>[];
  page(page: Page): OrderAction<E>[];
  failed(): void;
  reset(): void;
}

/** Maximum number of entries in one read. */
export const PAGE_ENTRIES = 256;
/** Maximum number of entries that are held during a read. Further entries are read from the log. */
export const MAX_HELD = 256;

/** Returns true if nothing was stored between an offset and this entry. */
export function comesNext({ previous }: LogEntry, after: number): boolean {
  // The value 0 can mean that the log no longer knows the previous entry.
  return previous <= after && (previous > 0 || after === 0);
}

/** Returns the offset after which everything is new for a reader of an earlier epoch. */
function commonOffset({ epoch, offset }: LogPosition, { common }: LogPage): number {
  if (common === undefined || !epoch.startsWith(common.base)) return 0;
  return Math.min(offset, common.offset);
}

/**
 * Merges live entries, which can be lost, with entries that are read from the log after a gap. Each entry is delivered once, in
 * the order of the log. A live copy is accepted only if it follows the last entry. Any other copy causes a read of the log. The
 * class has no clock and no log.
 */
export class EntryOrder implements FeedOrder<LogEntry, LogPage> {
  private position: LogPosition | undefined = undefined;
  /** The position before the last accepted live copy, or undefined once the log has confirmed the copy. */
  private before: LogPosition | undefined = undefined;
  private reads = 0;
  private isReading = false;
  private hasMore = false;
  /** Whether an entry arrived that the current read may not contain. */
  private isReadAgain = false;
  private held: LogEntry[] = [];
  /** The number of held entries when the read began. */
  private heldBefore = 0;

  /** The position of the last delivered entry, or undefined before the start is known. */
  get at(): LogPosition | undefined {
    return this.position;
  }

  /** The number of reads that have begun. */
  get readCount(): number {
    return this.reads;
  }

  get isBehind(): boolean {
    return this.hasMore;
  }

  /** Reads the log, or reads it again, because it may have more entries. */
  look(): OrderAction[] {
    return this.read();
  }

  live(entry: LogEntry): OrderAction[] {
    const { position: at } = this;
    if (!Number.isSafeInteger(entry.position.offset)) return [];
    if (at === undefined || this.isReading) {
      this.hold(entry);
      return [];
    }
    // The entry is from a new log, or a late entry from the previous log. A read decides.
    if (entry.position.epoch !== at.epoch) return this.read();
    if (entry.position.offset <= at.offset) {
      const isLate = entry.position.offset < at.offset;
      // Copies arrive in order, so the place in one of the two copies is wrong.
      return isLate && this.before !== undefined ? this.read() : [];
    }
    if (entry.previous === at.offset) return [this.acceptLive(entry)];
    this.hold(entry);
    return this.read();
  }

  page(page: LogPage): OrderAction[] {
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

  /** Called when the log could not be read. Held entries are kept for the next {@link look}. */
  failed(): void {
    this.isReading = false;
  }

  reset(): void {
    this.position = undefined;
    this.before = undefined;
    this.isReading = false;
    this.hasMore = false;
    this.isReadAgain = false;
    this.held = [];
  }

  private read(): OrderAction[] {
    if (this.isReading) {
      this.isReadAgain = true;
      return [];
    }
    this.isReading = true;
    this.isReadAgain = false;
    this.reads += 1;
    this.heldBefore = this.held.length;
    const { position: at } = this;
    if (at === undefined) return [{ do: 'read', after: 0, limit: 1 }];
    return [{ do: 'read', after: at.offset, limit: PAGE_ENTRIES }];
  }

  /** Moves back, because the delivered entries are after the end of the log, so no log has them. */
  private back(before: LogPosition, from: LogPosition, last: number): OrderAction[] {
    const isKnown = before.offset <= last;
    const at = isKnown ? before : { epoch: from.epoch, offset: last };
    this.position = at;
    const actions: OrderAction[] = isKnown ? [] : [{ do: 'skip', from, to: at }];
    return [...actions, { do: 'begin', at }, ...this.read()];
  }

  /** Continues at the end of the log, as it was when the read began. */
  private afterPage(last: number): OrderAction[] {
    this.hasMore = false;
    const actions: OrderAction[] = [];
    const { held, heldBefore } = this;
    this.held = [];
    for (const [i, entry] of held.entries()) {
      const at = this.position!;
      const isOfOther = entry.position.epoch !== at.epoch;
      const { offset } = entry.position;
      if (!isOfOther && offset <= at.offset) continue;
      if (!isOfOther && entry.previous === at.offset) {
        actions.push(this.acceptLive(entry));
        continue;
      }
      // The entry arrived during the read, which may have been too early for the entries before it.
      if (i >= heldBefore) {
        this.held = held.slice(i);
        return [...actions, ...this.read()];
      }
      // The entry was held when the read began, so the log would contain it.
      if (!isOfOther && offset <= last) this.take(entry, actions);
    }
    return this.isReadAgain ? [...actions, ...this.read()] : actions;
  }

  private take(entry: LogEntry, actions: OrderAction[]): void {
    const from = this.position!;
    const { position: to } = entry;
    if (to.offset <= from.offset) return;
    if (!comesNext(entry, from.offset)) actions.push({ do: 'skip', from, to });
    actions.push(this.deliver(entry));
  }

  /** Accepts a copy that claims to follow, without a read of the log. */
  private acceptLive(entry: LogEntry): OrderAction {
    const { position } = this;
    const action = this.deliver(entry);
    this.before = position;
    return action;
  }

  private deliver(entry: LogEntry): OrderAction {
    this.position = entry.position;
    return { do: 'deliver', entry };
  }

  private hold(entry: LogEntry): void {
    if (this.held.length < MAX_HELD) this.held.push(entry);
    else this.isReadAgain = true;
  }
}
