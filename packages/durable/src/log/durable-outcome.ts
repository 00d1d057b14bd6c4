import type { GroupOutcome } from '@headrace/core';
import { callSafely, toError } from '@headrace/core/authoring';
import type { LogPosition } from '@headrace/store';

/**
 * The outcome of a write to a durable group. The outcome settles when the message is stored, or when the store has failed.
 * `await` returns no value; then {@link position} is set. You may ignore the outcome.
 *
 * `isBegun` becomes true when the message from the log was written to the members of this node, when the write has failed, or 5 s
 * after the message was stored. Without members on this node, it becomes true when the message is stored. Until then, a
 * BroadcastHandler holds the reads of the sender.
 */
export class DurableOutcome implements GroupOutcome {
  /**
   * Resolves with the position of the message, or with undefined if it is not to be stored. Rejects with `BUS_DOWN` if the
   * message could not be stored for 5 s, with `OUTBOUND_FULL` if too many messages wait, and with `GROUP_WRITE_FAILED` if the log
   * has an entry under its id that no node of the cluster made.
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

  /** @internal Makes the outcome of a message that is not stored, because only members of this node receive it. */
  static here(outcome: GroupOutcome): DurableOutcome {
    const durable = new DurableOutcome(outcome.size);
    outcome.onceBegun(() => durable.begin(outcome.size));
    outcome.then(
      () => durable.settle(undefined),
      (error: Error) => durable.fail(error),
    );
    return durable;
  }

  /** The position of the message once it is stored. */
  get position(): LogPosition | undefined {
    return this.storedAt;
  }

  /** Whether the message was written to the members of this node, has failed, or was stored 5 s ago. */
  get isBegun(): boolean {
    return this.hasBegun;
  }

  onceBegun(listener: () => void): void {
    if (this.hasBegun) callSafely(listener, undefined);
    else this.whenBegun.push(listener);
  }

  /** The number of members of this node that the message is for. */
  get size(): number {
    return this.members;
  }

  /** Whether the message is stored or has failed. */
  get isSettled(): boolean {
    return this.state !== 'open';
  }

  /** Whether the message is stored. */
  get isSuccess(): boolean {
    return this.state === 'stored';
  }

  /** Always false: a message is stored for all members or for none. */
  get isPartialSuccess(): boolean {
    return false;
  }

  /** Always false, like {@link isPartialSuccess}. */
  get isPartialFailure(): boolean {
    return false;
  }

  /** Resolves when the message is stored, and rejects like {@link stored}. `await` calls this method. */
  // biome-ignore lint/suspicious/noThenProperty: a future is awaitable
  then<A = void, B = never>(
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.stored.then(() => {}).then(onFulfilled, onRejected);
  }

  onSettled(listener: (error: Error | undefined) => void): void {
    this.then(
      () => callSafely(listener, undefined),
      (thrown) => callSafely(listener, toError(thrown)),
    );
  }

  catch<T = never>(
    onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null,
  ): Promise<void | T> {
    return this.then().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<void> {
    return this.then().finally(onFinally);
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

  /** @internal Called when the message was written to this number of members on this node. */
  begin(members: number): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.members = members;
    for (const listener of this.whenBegun.splice(0)) callSafely(listener, undefined);
  }
}
