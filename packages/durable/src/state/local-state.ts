import type { Clock } from '@headrace/core';
import type { LogPosition } from '@headrace/store';
import { MAX_WAITING } from '../durable-errors.ts';
import { StateView } from './state-view.ts';

/** The parts of its group that {@link LocalState} works with. */
export interface LocalStateOwner {
  readonly clock: Clock;
  /** Maximum number of removals that are remembered. */
  readonly maxRemovals: number;
  /** Whether the state agrees with the database of the application, if there is one. */
  hasAgreed(): boolean;
  /** Whether the store may have changes that the state lacks, because it cannot be read now. */
  isStale(): boolean;
  /** Returns why the state is not there in time, or undefined while it can still come. */
  notRead(): Error | undefined;
  /** Returns an error when the node has left the cluster. */
  left(): Error | undefined;
  /** Returns an error for a call while {@link MAX_WAITING} calls wait for the state. */
  full(): Error;
  /** Resolves after a read of the store that begins now or later. */
  caughtUp(): Promise<void>;
  /** Called when somebody begins to wait for the state, or ends it. */
  waits(): void;
}

/** A call that needs the state on this node. */
interface Waiter<Value> {
  readonly resolve: (view: StateView<Value>) => void;
  readonly reject: (error: Error) => void;
}

/** Time within which the state must be read for a call. */
export const READ_WITHIN_MS = 5000;

/** Calls `failed` once the state is not there in time. Returns a function that ends the wait. */
export function limitRead(
  owner: Pick<LocalStateOwner, 'clock' | 'notRead'>,
  failed: (error: Error) => void,
): () => void {
  const wait = () => owner.clock.schedule(late, READ_WITHIN_MS, true);
  const late = (): void => {
    const error = owner.notRead();
    if (error === undefined) timer = wait();
    else failed(error);
  };
  let timer = wait();
  return () => timer.cancel();
}

/** The state of a group as this node has read it, and the calls that wait for it. */
export class LocalState<Value> {
  private readonly owner: LocalStateOwner;
  private view: StateView<Value> | undefined = undefined;
  /** The state that is read from its beginning. It takes the place of the view when it is whole. */
  private loading: StateView<Value> | undefined = undefined;
  private readonly waiters = new Set<Waiter<Value>>();
  /** The newest change that this node has stored since it began to read the state. */
  private written: LogPosition | undefined = undefined;

  constructor(owner: LocalStateOwner) {
    this.owner = owner;
  }

  /** Whether the state is read from its beginning. */
  get isLoading(): boolean {
    return this.loading !== undefined;
  }

  /** Whether a call waits. */
  get isAwaited(): boolean {
    return this.waiters.size > 0;
  }

  /** The state that gets the next change. */
  get next(): StateView<Value> {
    return this.loading ?? this.view!;
  }

  /** The whole state as the store has it. */
  get whole(): StateView<Value> | undefined {
    return this.isLoading ? undefined : this.view;
  }

  /** The whole state, if it agrees with the database. */
  get shown(): StateView<Value> | undefined {
    return this.owner.hasAgreed() ? this.whole : undefined;
  }

  /** What the application gets: the state, if it has all changes that this node has stored, and the store can be read. */
  get current(): StateView<Value> | undefined {
    const { shown, written } = this;
    if (this.owner.isStale()) return undefined;
    if (shown === undefined || written === undefined) return shown;
    return written.epoch === shown.epoch && written.offset <= shown.offset ? shown : undefined;
  }

  /** Resolves with the current state. */
  async loaded(): Promise<StateView<Value>> {
    const { current, owner } = this;
    if (current !== undefined) return current;
    const left = owner.left();
    if (left !== undefined) throw left;
    if (this.waiters.size >= MAX_WAITING) throw owner.full();
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void): void => {
        stop();
        this.waiters.delete(waiter);
        settle();
        owner.waits();
      };
      const waiter: Waiter<Value> = {
        resolve: (view) => settled(() => resolve(view)),
        reject: (error) => settled(() => reject(error)),
      };
      const stop = limitRead(owner, waiter.reject);
      this.waiters.add(waiter);
      owner.waits();
    });
  }

  /** Answers the calls that wait, if the state is current. */
  answer(): void {
    const { current } = this;
    if (current === undefined) return;
    for (const waiter of [...this.waiters]) waiter.resolve(current);
  }

  /** Ends the calls that wait. */
  fail(error: Error): void {
    for (const waiter of [...this.waiters]) waiter.reject(error);
  }

  /** Notes a change that this node has stored. Answers of a store can come in another order than its changes. */
  stored(position: LogPosition): void {
    const { written } = this;
    if (written?.epoch === position.epoch && written.offset >= position.offset) return;
    this.written = position;
    if (position.epoch === this.epoch) return;
    // The store has another state, of which this node does not know yet, or the answer is late.
    void this.owner.caughtUp().then(() => {
      if (this.written !== position || position.epoch === this.epoch) return;
      this.written = undefined;
      this.answer();
    });
  }

  /** Called before the state arrives from its beginning. */
  restart(epoch: string): void {
    const { written } = this;
    if (written?.epoch === this.epoch && written?.epoch !== epoch) this.written = undefined;
    this.loading = new StateView(epoch, this.owner.maxRemovals);
  }

  /**
   * Called when all changes up to an offset have arrived. Returns true if the state has just become whole.
   *
   * @param floor - the highest offset of a removal that can be missing
   */
  reached(offset: number, floor: number): boolean {
    const { loading } = this;
    if (loading !== undefined) {
      loading.forget(floor);
      this.view = loading;
      this.loading = undefined;
    }
    this.view!.reach(offset);
    return loading !== undefined;
  }

  /** Forgets the state, because nobody needs it. */
  clear(): void {
    this.view = undefined;
    this.loading = undefined;
    this.written = undefined;
  }

  private get epoch(): string | undefined {
    return (this.loading ?? this.view)?.epoch;
  }
}
