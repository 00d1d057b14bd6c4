import type { LogEntry, LogPosition } from '@headrace/store';

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

/** Maximum number of entries in one read. */
export const PAGE_ENTRIES = 256;
/** Maximum number of entries that are held during a read. Further entries are read from the log. */
const MAX_HELD = 256;

/**
 * Merges live entries, which can be lost, with entries that are read from a log or a state after a gap. Each entry is delivered at
 * most once, in the order of the offsets. A live copy is accepted only if it follows the last entry. Any other copy causes a read.
 * The class has no clock and no log.
 */
export abstract class FeedOrder<E extends LogEntry, Page> {
  /** The position of the last delivered entry, or undefined before the start is known. */
  protected position: LogPosition | undefined = undefined;
  protected isReading = false;
  protected hasMore = false;
  protected held: E[] = [];
  /** Maximum number of entries in the first read. */
  protected readonly firstEntries: number = PAGE_ENTRIES;
  private reads = 0;
  /** Whether an entry arrived that the current read may not contain. */
  private isReadAgain = false;
  /** The number of held entries when the read began. */
  private heldBefore = 0;

  /** The number of reads that have begun. */
  get readCount(): number {
    return this.reads;
  }

  /** Whether the last page was not the end of what there was at its read. Then another read is under way. */
  get isBehind(): boolean {
    return this.hasMore;
  }

  /** Reads, or reads again, because there may be more entries. */
  look(): OrderAction<E>[] {
    return this.read();
  }

  live(entry: E): OrderAction<E>[] {
    const { position: at } = this;
    if (!Number.isSafeInteger(entry.position.offset)) return [];
    if (at === undefined || this.isReading) {
      this.hold(entry);
      return [];
    }
    // The entry is from a new log, or a late entry from the previous log. A read decides.
    if (entry.position.epoch !== at.epoch) return this.read();
    if (entry.position.offset <= at.offset) return this.earlier(entry, at);
    if (entry.previous === at.offset) return [this.acceptLive(entry)];
    this.hold(entry);
    return this.read();
  }

  abstract page(page: Page): OrderAction<E>[];

  /** Called when nothing could be read. Held entries are kept for the next {@link look}. */
  failed(): void {
    this.isReading = false;
  }

  reset(): void {
    this.position = undefined;
    this.isReading = false;
    this.hasMore = false;
    this.isReadAgain = false;
    this.held = [];
  }

  protected read(): OrderAction<E>[] {
    if (this.isReading) {
      this.isReadAgain = true;
      return [];
    }
    this.isReading = true;
    this.isReadAgain = false;
    this.reads += 1;
    this.heldBefore = this.held.length;
    const { position: at } = this;
    if (at === undefined) return [{ do: 'read', after: 0, limit: this.firstEntries }];
    return [{ do: 'read', after: at.offset, limit: PAGE_ENTRIES }];
  }

  /** Continues at the end of what was read, with the entries that arrived meanwhile. */
  protected afterPage(last: number): OrderAction<E>[] {
    this.hasMore = false;
    const actions: OrderAction<E>[] = [];
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

  /** Delivers an entry that was read. */
  protected abstract take(entry: E, actions: OrderAction<E>[]): void;

  /** Called with a live copy of an entry that is not after the last one. */
  protected earlier(_entry: E, _at: LogPosition): OrderAction<E>[] {
    return [];
  }

  /** Accepts a copy that claims to follow, without a read. */
  protected acceptLive(entry: E): OrderAction<E> {
    return this.deliver(entry);
  }

  protected deliver(entry: E): OrderAction<E> {
    this.position = entry.position;
    return { do: 'deliver', entry };
  }

  private hold(entry: E): void {
    if (this.held.length < MAX_HELD) this.held.push(entry);
    else this.isReadAgain = true;
  }
}
