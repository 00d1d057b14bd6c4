import { Fifo } from '@headrace/core/authoring';
import type { LogPosition } from '@headrace/store';
import { type Keyed, KeyedEntries } from '@headrace/store/authoring';
import type { StateValue } from './state-message.ts';

/** A change as this node keeps it. */
export interface ViewChange<Value> extends Keyed {
  readonly position: LogPosition;
  /** The value of the key and its version, or undefined for a removal. */
  readonly kept: StateValue<Value> | undefined;
  /** The version of the key's row in the database of the application, if it gave one. */
  readonly rowVersion: number | undefined;
  /** What members get, or undefined if `format` failed. */
  readonly message: unknown;
  /** What members get that have the value before, if that is shorter. */
  readonly delta?: ValueDelta | undefined;
}

/** A change of a value, for members that have the value of a version. */
export interface ValueDelta {
  readonly from: number;
  readonly message: unknown;
}

/** The state of a group on this node: the newest change of each key, with the newest removals. */
export class StateView<Value> {
  readonly epoch: string;
  private readonly changes = new KeyedEntries<ViewChange<Value>>();
  private readonly removals = new Fifo<ViewChange<Value>>();
  private readonly maxRemovals: number;
  private reached = 0;
  private forgotten = 0;

  constructor(epoch: string, maxRemovals: number) {
    this.epoch = epoch;
    this.maxRemovals = maxRemovals;
  }

  /** The offset up to which the view has all changes. */
  get offset(): number {
    return this.reached;
  }

  get position(): LogPosition {
    return { epoch: this.epoch, offset: this.reached };
  }

  /** The highest offset of a removal that the view may not have. */
  get floor(): number {
    return this.forgotten;
  }

  get(key: string): StateValue<Value> | undefined {
    return this.changes.get(key)?.kept;
  }

  /** Returns the newest change of a key, which can be a removal. */
  change(key: string): ViewChange<Value> | undefined {
    return this.changes.get(key);
  }

  entries(): Map<string, StateValue<Value>> {
    const found = new Map<string, StateValue<Value>>();
    this.changes.eachAfter(0, ({ key, kept }) => {
      if (kept !== undefined) found.set(key, kept);
      return true;
    });
    return found;
  }

  set(change: ViewChange<Value>): void {
    this.changes.set(change);
    this.reached = change.position.offset;
    if (change.kept === undefined) this.removals.push(change);
    while (this.removals.size > this.maxRemovals) {
      const oldest = this.removals.shift()!;
      if (this.changes.forget(oldest)) this.forgotten = oldest.position.offset;
    }
  }

  /** Notes that all changes up to an offset are there. */
  reach(offset: number): void {
    this.reached = Math.max(this.reached, offset);
  }

  /** Notes that removals up to an offset can be missing. */
  forget(floor: number): void {
    this.forgotten = Math.max(this.forgotten, floor);
  }

  /** Calls the function with the changes after an offset, in order, until it returns false. */
  eachAfter(offset: number, take: (change: ViewChange<Value>) => boolean): void {
    this.changes.eachAfter(offset, take);
  }
}
