import type { Clock } from '@headrace/core';
import { checkedResult, GivenSource, onAbort, textOf, toError } from '@headrace/core/authoring';
import type { SourcePlan } from '../state-options.ts';
import type { StateView, ViewChange } from '../state-view.ts';
import type { StateRow, StateRows } from './state-row.ts';

/** The parts of its group that a {@link RowReading} works with. */
export interface ReadingOwner<Value> {
  readonly clock: Clock;
  readonly maxKeys: number;
  /** Checks whether a row can be stored. @throws OptionError or EncodeError */
  checkRow(key: string, value: Value): void;
  /** Returns true if two values are the same in the store. */
  isSame(value: Value, other: Value): boolean;
}

/** Maximum time for which the comparison of rows blocks the event loop. */
const SLICE_MS = 5;
/** Number of rows between two looks at the clock. */
const ROWS_AT_ONCE = 64;

/**
 * One read of the application's database, compared with the state of a node.
 *
 * The application writes its database before it tells the group. So the rows are at least as new as the changes that the node had before
 * the read: of these changes, only the rows count. Of a change that came later, the versions of the rows decide. Without versions, the
 * change stays.
 */
export class RowReading<Value> {
  /** The rows that the state does not have. */
  readonly news: StateRow<Value>[] = [];
  private readonly owner: ReadingOwner<Value>;
  private readonly view: StateView<Value>;
  /** The node had all changes up to this offset before the read. */
  private readonly from: number;
  private readonly seen = new Set<string>();
  private isDoubtful = false;

  constructor(owner: ReadingOwner<Value>, view: StateView<Value>) {
    this.owner = owner;
    this.view = view;
    this.from = view.offset;
  }

  /** Reads all rows. @throws the errors of `getState`, and errors for rows that are not valid */
  async read(getState: SourcePlan<Value>['getState'], signal: AbortSignal): Promise<void> {
    const rows = checkedRows(await getState({ signal }));
    const given = new GivenSource(rows);
    const stopListening = onAbort(signal, () => void given.release());
    if (signal.aborted) void given.release();
    const { clock } = this.owner;
    let sliceEnd = clock.now() + SLICE_MS;
    try {
      for (let count = 1; !signal.aborted; count++) {
        const { done, value } = checkedResult(await given.next());
        if (done === true) return;
        this.take(value as StateRow<Value>);
        if (count % ROWS_AT_ONCE !== 0 || clock.now() < sliceEnd) continue;
        await new Promise<void>((resolve) => clock.nextTurn(resolve));
        sliceEnd = clock.now() + SLICE_MS;
      }
    } catch (thrown) {
      void given.release();
      throw thrown;
    } finally {
      stopListening();
    }
  }

  /** Returns true if a row counts more than what is known of its key. */
  isNews({ value, rowVersion }: StateRow<Value>, known: ViewChange<Value> | undefined): boolean {
    if (known === undefined) {
      // The key may be one whose removal came during the read.
      const isForgotten = this.view.floor > this.from;
      this.isDoubtful ||= isForgotten;
      return !isForgotten;
    }
    const isBefore = known.position.offset <= this.from;
    if (rowVersion !== undefined && known.rowVersion !== undefined) {
      // An earlier read may have missed the row that was removed.
      const isBack = isBefore && known.kept === undefined && rowVersion === known.rowVersion;
      return isBack || rowVersion > known.rowVersion;
    }
    if (!isBefore) return false;
    return known.kept === undefined || !this.owner.isSame(value, known.kept.value);
  }

  /** Returns the changes of keys without a row. To be called after the read. */
  gone(): readonly ViewChange<Value>[] {
    const found: ViewChange<Value>[] = [];
    this.view.eachAfter(0, (change) => {
      const isBefore = change.position.offset <= this.from;
      if (isBefore && change.kept !== undefined && !this.seen.has(change.key)) found.push(change);
      return isBefore;
    });
    return found;
  }

  /** The reason why rows were left out, if any were. */
  get doubt(): Error | undefined {
    const text = 'more keys were removed during the read than are remembered (removals)';
    return this.isDoubtful ? new RangeError(text) : undefined;
  }

  private take(row: StateRow<Value>): void {
    const { seen, owner } = this;
    const { key, value, rowVersion } = checkedRow(row, seen.size + 1);
    if (seen.has(key)) throw new TypeError(`the key ${JSON.stringify(key)} came twice`);
    seen.add(key);
    if (seen.size > owner.maxKeys) {
      throw new RangeError(`more than ${owner.maxKeys} rows (maxKeys) came`);
    }
    const news = { key, value, rowVersion };
    if (!this.isNews(news, this.view.change(key))) return;
    try {
      owner.checkRow(key, value);
    } catch (thrown) {
      const { message } = toError(thrown);
      const name = typeof key === 'string' ? JSON.stringify(key.slice(0, 64)) : typeof key;
      throw new TypeError(`row ${seen.size} (${name}) is not valid: ${message}`, { cause: thrown });
    }
    this.news.push(news);
  }
}

function checkedRows<Value>(given: StateRows<Value>): StateRows<Value> {
  const isObject = typeof given === 'object' && given !== null;
  if (isObject && (Symbol.asyncIterator in given || Symbol.iterator in given)) return given;
  throw new TypeError(
    `it returned ${textOf(given)}, but rows are an iterable or an async iterable`,
  );
}

function checkedRow<Value>(row: StateRow<Value>, number: number): StateRow<Value> {
  const isObject = typeof row === 'object' && row !== null;
  const { value, rowVersion } = isObject ? row : ({} as StateRow<Value>);
  const isVersion =
    rowVersion === undefined || (Number.isSafeInteger(rowVersion) && rowVersion >= 0);
  if (value !== undefined && isVersion) return row;
  const what = 'a row has a key, a value, and maybe a rowVersion, which is a whole number from 0';
  throw new TypeError(`row ${number} is not valid: ${what}`);
}
