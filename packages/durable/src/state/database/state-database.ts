import type { Clock, Logger } from '@headrace/core';
import type { StateEntry } from '@headrace/store';
import type { StateErrors } from '../state-errors.ts';
import type { SourcePlan } from '../state-options.ts';
import type { DecodedEntry, StateValues } from '../state-values.ts';
import type { StateView, ViewChange } from '../state-view.ts';
import type { StateWrites } from '../state-writes.ts';
import { type RowOutcome, RowWrites } from './row-writes.ts';
import { StateSource } from './state-source.ts';

/** The parts of its group that {@link StateDatabase} works with. */
export interface DatabaseOwner<Value> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly group: string;
  readonly maxKeys: number;
  readonly values: StateValues<Value>;
  readonly writes: StateWrites<Value>;
  readonly errors: StateErrors;
  random(): number;
  /** Returns the whole state on this node, or undefined while it is not kept. */
  view(): StateView<Value> | undefined;
  /** Resolves after a read of the store that begins now or later. */
  caughtUp(): Promise<void>;
  /** Called when the state agrees with the database. */
  agreed(): void;
}

/** The database of `getState`, which has the truth about a state group. Each of its rows is a key. */
export class StateDatabase<Value> {
  /** The comparison of the state with the database. */
  readonly source: StateSource<Value>;
  private readonly owner: DatabaseOwner<Value>;
  private readonly rows: RowWrites<Value>;

  constructor(owner: DatabaseOwner<Value>, plan: SourcePlan<Value>) {
    const { clock, logger, group, maxKeys, values, writes, errors } = owner;
    const view = () => owner.view();
    this.owner = owner;
    this.rows = new RowWrites<Value>({
      view,
      decoded: (entry) => {
        const decoded = values.decoded(entry);
        return decoded && values.change(entry, decoded);
      },
      store: (change, expected) => writes.row(change, expected),
      changedTooOften: (key) => errors.changedTooOften(key),
    });
    this.source = new StateSource<Value>(
      {
        ...{ clock, logger, group, maxKeys, view, writes: this.rows },
        random: () => owner.random(),
        checkRow: (key, value) => values.checkRow(key, value),
        isSame: (value, other) => values.isSame(value, other),
        caughtUp: () => owner.caughtUp(),
        agreed: () => owner.agreed(),
      },
      plan,
    );
  }

  /** Stores a change of a row of which the application tells. */
  set(key: string, value: Value | undefined, rowVersion: number): Promise<RowOutcome> {
    const change = () => this.rows.set({ key, value, rowVersion });
    const { writes } = this.owner;
    return writes.tracked(writes.counted(change, ({ isStored }) => isStored || undefined));
  }

  /**
   * Returns a change in the form of the view. Only a removal lets a change of an older row into the store, if its node does not keep the
   * state. The key stays removed then.
   */
  changeIn(
    view: StateView<Value>,
    entry: StateEntry,
    decoded: DecodedEntry<Value>,
  ): ViewChange<Value> {
    const { values, writes } = this.owner;
    const change = values.change(entry, decoded);
    const { key, rowVersion, position } = change;
    const before = view.change(key);
    const newest = before?.rowVersion;
    const isOlder = rowVersion !== undefined && newest !== undefined && rowVersion < newest;
    if (change.kept === undefined || !isOlder) return change;
    const removal = { key, value: undefined, rowVersion: newest };
    // If the key cannot be removed now, the next comparison with the database does it.
    writes.row(removal, position.offset).catch(() => {});
    // The page that brought the change does not have the removal.
    const isRemoval = before?.kept !== undefined;
    const removed = values.change({ ...entry, isRemoval }, { ...decoded, kept: undefined });
    return { ...removed, rowVersion: newest };
  }
}
