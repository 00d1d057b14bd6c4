import type { GroupOutcome } from '@headrace/core';
import { callSafely } from '@headrace/core/authoring';
import type { LogPosition } from '../log/log.ts';

/**
 * The outcome of a write to a durable group. It settles when the message is stored or the store has failed. Awaiting it gives no
 * value; {@link position} is set then. It may be ignored.
 *
 * `isBegun` is true once the message came back from the log and was written to the members of this node, or has failed,
 * or did not come back for 5 s after it was stored: until then a BroadcastHandler holds the reads of its sender.
 */
export class DurableOutcome implements GroupOutcome {
  /**
   * The position of the message; undefined if it is not to be stored. Rejects with
   * `BUS_DOWN` if it could not be stored for 5 s, with `OUTBOUND_FULL` if too many wait already, and with `GROUP_WRITE_FAILED` if
   * the log has an entry under its id that no node of the cluster made.
   */
  readonly stored: Promise<LogPosition | undefined>;
  private readonly whenBegun: (() => void)[] = [];
  private readonly resolve: (position: LogPosition | undefined) => void;
  private readonly reject: (error: Error) => void;
  private members: number;
  private state: 'open' | 'stored' | 'failed' = 'open';
  private storedAt: LogPosition | undefined = undefined;
  private hasBegun = false;

  /** @internal */
  constructor(members: number) {
    this.members = members;
    let resolve!: (position: LogPosition | undefined) => void;
    let reject!: (error: Error) => void;
    this.stored = new Promise((done, failed) => {
      resolve = done;
      reject = failed;
    });
    this.resolve = resolve;
    this.reject = reject;
    this.stored.catch(() => {});
  }

  /** @internal Of what goes to members here alone, and is not stored. */
  static here(outcome: GroupOutcome): DurableOutcome {
    const durable = new DurableOutcome(outcome.size);
    outcome.onceBegun(() => durable.begin(outcome.size));
    outcome.then(
      () => durable.settle(undefined),
      (error: Error) => durable.fail(error),
    );
    return durable;
  }

  /** The position of the message, once it is stored. */
  get position(): LogPosition | undefined {
    return this.storedAt;
  }

  /** True once the members of this node were written to, it has failed, or it was stored 5 s ago. */
  get isBegun(): boolean {
    return this.hasBegun;
  }

  /** Calls back once {@link isBegun} is true; at once if it is. */
  onceBegun(listener: () => void): void {
    if (this.hasBegun) callSafely(listener, undefined);
    else this.whenBegun.push(listener);
  }

  /** How many members of this node it is about. */
  get size(): number {
    return this.members;
  }

  /** True once it is stored or has failed. */
  get isSettled(): boolean {
    return this.state !== 'open';
  }

  /** True once it is stored. */
  get isSuccess(): boolean {
    return this.state === 'stored';
  }

  /** Always false: a message is stored for all members or for none. */
  get isPartialSuccess(): boolean {
    return false;
  }

  /** Always false, as {@link isPartialSuccess}. */
  get isPartialFailure(): boolean {
    return false;
  }

  /** Awaited: resolves when it is stored, rejects as {@link stored} does. */
  // biome-ignore lint/suspicious/noThenProperty: a future is awaitable
  then<A = void, B = never>(
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.stored.then(() => {}).then(onFulfilled, onRejected);
  }

  /** @internal */
  settle(position: LogPosition | undefined): void {
    if (this.state !== 'open') return;
    this.state = 'stored';
    this.storedAt = position;
    this.resolve(position);
  }

  /** @internal */
  fail(error: Error): void {
    if (this.state !== 'open') return;
    this.state = 'failed';
    this.reject(error);
    this.begin(this.members);
  }

  /** @internal It was written to so many members here. */
  begin(members: number): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.members = members;
    for (const listener of this.whenBegun.splice(0)) callSafely(listener, undefined);
  }
}
