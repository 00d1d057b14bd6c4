import { RejectedError } from '@headrace/core';
import type { LogPosition, StateEntry } from '@headrace/store';
import { KeyQueue } from '../keys/key-queue.ts';
import { MAX_TRIES } from '../state-errors.ts';
import type { ChangeAnswer } from '../state-room.ts';
import type { StateView, ViewChange } from '../state-view.ts';
import type { RowReading } from './row-reading.ts';

/** The parts of its group that {@link RowWrites} works with. */
export interface RowWritesOwner<Value> {
  /** The state on this node, or undefined while it is not kept. */
  view(): StateView<Value> | undefined;
  /** Returns an entry of the store in the form of the view, or undefined if nobody can decode it. */
  decoded(entry: StateEntry): ViewChange<Value> | undefined;
  /** Stores a change. @throws RejectedError at a limit of the store */
  store(change: RowChange<Value>, expected: number): Promise<ChangeAnswer>;
  /** Makes a `STATE_CONFLICT` for a key that changed as often as a change was tried. */
  changedTooOften(key: string): Error;
}

/** A change of the database's row of a key. */
export interface RowChange<Value> {
  readonly key: string;
  /** The new value, or undefined for a removal. */
  readonly value: Value | undefined;
  readonly rowVersion: number | undefined;
}

type VersionedChange<Value> = RowChange<Value> & { readonly rowVersion: number };

/** A change that waits for its turn. */
interface RowSet<Value> {
  readonly change: VersionedChange<Value>;
  resolve(outcome: RowOutcome): void;
  reject(error: unknown): void;
}

/** What became of a {@link RowChange}. */
export interface RowOutcome {
  /** The position of the change, or of the newer one for which it was passed over; undefined for a removal of nothing. */
  readonly position: LogPosition | undefined;
  readonly isStored: boolean;
}

/** Stores one difference. */
type RowWork = () => Promise<unknown>;

/** Number of changes that are stored at the same time. */
const AT_ONCE = 64;

/**
 * Stores changes of a database's rows, so that the newest row of each key stays. The store is asked for the version that the change
 * follows, so a change that is late is noticed even if this node does not keep the state.
 */
export class RowWrites<Value> {
  private readonly owner: RowWritesOwner<Value>;
  private readonly queue = new KeyQueue<RowSet<Value>>(async (_key, sets) => {
    for (const { change, resolve, reject } of sets) await this.setNow(change).then(resolve, reject);
  });

  constructor(owner: RowWritesOwner<Value>) {
    this.owner = owner;
  }

  /** Stores a change, unless the key has a change of the same row version or of a newer one. */
  set(change: VersionedChange<Value>): Promise<RowOutcome> {
    return new Promise((resolve, reject) => {
      this.queue.add(change.key, { change, resolve, reject });
    });
  }

  /** Stores the differences between the database and the state, until a signal aborts. Resolves with true if there were any. */
  async tell(reading: RowReading<Value>, signal: AbortSignal): Promise<boolean> {
    const all: RowWork[] = reading.news.map((row) => () => {
      const change = { rowVersion: undefined, ...row };
      return this.write(change, (known) => reading.isNews(row, known), false);
    });
    for (const { key, position, rowVersion } of reading.gone()) {
      const change = { key, value: undefined, rowVersion };
      all.push(() => this.owner.store(change, position.offset));
    }
    const isAny = all.length > 0;
    // At a limit of the store, a row can wait for others that are gone or become smaller.
    const refused: RowWork[] = [];
    await workOff(all, signal, async (work) => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof RejectedError)) throw error;
        refused.push(work);
      }
    });
    await workOff(refused, signal, (work) => work());
    return isAny;
  }

  private setNow(change: VersionedChange<Value>): Promise<RowOutcome> {
    const { rowVersion, value } = change;
    const isDue = (known: ViewChange<Value> | undefined) => (known?.rowVersion ?? -1) < rowVersion;
    return this.write(change, isDue, value !== undefined);
  }

  /**
   * @param isDue - whether the change counts more than what is known of its key
   * @param setsRemoved - whether the change counts more than a removal of which nothing is known
   */
  private async write(
    change: RowChange<Value>,
    isDue: (known: ViewChange<Value> | undefined) => boolean,
    setsRemoved: boolean,
  ): Promise<RowOutcome> {
    const { owner } = this;
    let known = owner.view()?.change(change.key);
    let expected = known?.kept === undefined ? 0 : known.position.offset;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (!isDue(known)) return { position: known?.position, isStored: false };
      const answer = await owner.store(change, expected);
      if ('position' in answer) return { position: answer.position, isStored: true };
      const { conflict } = answer;
      if (conflict === null && !setsRemoved) return { position: undefined, isStored: false };
      known = conflict === null ? undefined : owner.decoded(conflict);
      expected = conflict?.position.offset ?? 0;
    }
    throw owner.changedTooOften(change.key);
  }
}

/** Does all work, in its order and some of it at the same time, until a signal aborts or a part fails. */
async function workOff(
  all: readonly RowWork[],
  signal: AbortSignal,
  perform: (work: RowWork) => Promise<unknown>,
): Promise<void> {
  const rest = all.values();
  let isOver = false;
  const worker = async (): Promise<void> => {
    for (const work of rest) {
      if (isOver || signal.aborted) return;
      try {
        await perform(work);
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
