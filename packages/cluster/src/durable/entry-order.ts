import type { LogEntry, LogPage, LogPosition } from '../log/log.ts';

/** An action that follows from an entry or a page. */
export type OrderAction =
  | { readonly do: 'deliver'; readonly entry: LogEntry }
  /** The log is to be read; `page` or `failed` comes back. There is one read at a time. */
  | { readonly do: 'read'; readonly after: number; readonly limit: number }
  /** From here on everything is delivered. */
  | { readonly do: 'begin'; readonly at: LogPosition }
  /** The entries between these two are in no log any more. */
  | { readonly do: 'skip'; readonly from: LogPosition; readonly to: LogPosition };

/** Entries in one read. */
export const PAGE_ENTRIES = 256;
/** Entries that came while the log is read, at most: others are read in turn. */
const MAX_HELD = 256;

/** True if nothing was stored between an offset and this entry. */
export function comesNext({ previous }: LogEntry, after: number): boolean {
  // 0 may mean that the log does not know any more.
  return previous <= after && (previous > 0 || after === 0);
}

/**
 * Makes one order of what comes live, as far as it comes, and of what is read from the log where there is a hole:
 * everything once, in the order of the log. A live copy is accepted only if it says that it comes next; any other is a
 * reason to read the log. Without clock and log.
 */
export class EntryOrder {
  private position: LogPosition | undefined = undefined;
  /** Where the live copy that was believed last came behind; undefined once the log has confirmed it. */
  private before: LogPosition | undefined = undefined;
  private reads = 0;
  private isReading = false;
  /** Something came that the read which is under way may not have seen. */
  private isReadAgain = false;
  private held: LogEntry[] = [];
  /** How many of them were there when the read began. */
  private heldBefore = 0;

  /** The position of the last delivered entry; undefined before the start is known. */
  get at(): LogPosition | undefined {
    return this.position;
  }

  /** How many reads have begun. */
  get readCount(): number {
    return this.reads;
  }

  /** The log may have more than what came: it is read, or read again. */
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
    // Of a log that is new, or a late one of the log before: the log knows.
    if (entry.position.epoch !== at.epoch) return this.read();
    if (entry.position.offset <= at.offset) {
      const isLate = entry.position.offset < at.offset;
      // Copies come in order: one of the two does not say where it is.
      return isLate && this.before !== undefined ? this.read() : [];
    }
    if (entry.previous === at.offset) return [this.believe(entry)];
    this.hold(entry);
    return this.read();
  }

  page(page: LogPage): OrderAction[] {
    this.isReading = false;
    const { epoch, last } = page;
    const from = this.position;
    if (from === undefined) {
      const at = { epoch, offset: last };
      this.position = at;
      return [{ do: 'begin', at }, ...this.afterPage(last)];
    }
    if (from.epoch !== epoch) {
      const to = { epoch, offset: 0 };
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

  /** The log could not be read: what has come is kept for the next {@link look}. */
  failed(): void {
    this.isReading = false;
  }

  /** Forgets everything. */
  reset(): void {
    this.position = undefined;
    this.before = undefined;
    this.isReading = false;
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

  /** Delivered entries lie after the end of the log: no log has them. */
  private back(before: LogPosition, from: LogPosition, last: number): OrderAction[] {
    const isKnown = before.offset <= last;
    const at = isKnown ? before : { epoch: from.epoch, offset: last };
    this.position = at;
    const actions: OrderAction[] = isKnown ? [] : [{ do: 'skip', from, to: at }];
    return [...actions, { do: 'begin', at }, ...this.read()];
  }

  /** The end of the log is reached, as it was when the read began. */
  private afterPage(last: number): OrderAction[] {
    const actions: OrderAction[] = [];
    const { held, heldBefore } = this;
    this.held = [];
    for (const [i, entry] of held.entries()) {
      const at = this.position!;
      const isOfOther = entry.position.epoch !== at.epoch;
      const { offset } = entry.position;
      if (!isOfOther && offset <= at.offset) continue;
      if (!isOfOther && entry.previous === at.offset) {
        actions.push(this.believe(entry));
        continue;
      }
      // The entry came while the read was under way, which may have been too early to see the entries before it.
      if (i >= heldBefore) {
        this.held = held.slice(i);
        return [...actions, ...this.read()];
      }
      // The entry was there when the read began: the log would have it.
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

  /** A copy that claims to come next, and the log was not asked. */
  private believe(entry: LogEntry): OrderAction {
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
