import { callSafely } from '../call/call-safely.ts';
import type { GroupOutcome } from '../contract/group.ts';
import type { Channel, WriteFuture } from '../contract.ts';
import { ChannelError, toError } from '../errors.ts';

/** A member for which the operation failed, with the error. */
export interface MemberFailure {
  readonly channel: Channel;
  readonly error: Error;
}

/** An error of an operation that failed for some members. Iterate over it for these members and their errors. */
export class ChannelGroupError extends ChannelError implements Iterable<MemberFailure> {
  /** Members for which the operation failed, with their errors. */
  readonly failures: readonly MemberFailure[];

  constructor(failures: readonly MemberFailure[], total: number) {
    const first = failures[0]!;
    super(
      'GROUP_WRITE_FAILED',
      `failed for ${failures.length} of ${total} members; the first, ${first.channel.id}: ${first.error.message}`,
      { failed: failures.length, total },
      first.error,
    );
    this.failures = failures;
  }

  [Symbol.iterator](): Iterator<MemberFailure> {
    return this.failures[Symbol.iterator]();
  }
}

/**
 * The outcome of an operation on a group. It settles after the outcomes of all members, and rejects with a
 * {@link ChannelGroupError} if one of them failed. You may ignore it.
 */
export class GroupFuture implements GroupOutcome {
  private readonly channels: readonly Channel[];
  private begun = 0;
  private succeeded = 0;
  /** Futures that had not succeeded when they were added, each with its channel. A large broadcast keeps no other futures. */
  private readonly open: WriteFuture[] = [];
  private readonly owners: Channel[] = [];
  private readonly whenBegun: (() => void)[] = [];

  /** @param channels - all channels of the operation, in the order of the later calls of `add` */
  constructor(channels: readonly Channel[]) {
    this.channels = channels;
  }

  add(future: WriteFuture): void {
    if (future.isSuccess) this.succeeded += 1;
    else {
      this.open.push(future);
      this.owners.push(this.channels[this.begun]!);
    }
    this.begun += 1;
    if (this.isBegun)
      for (const listener of this.whenBegun.splice(0)) callSafely(listener, undefined);
  }

  get isBegun(): boolean {
    return this.begun === this.channels.length;
  }

  onceBegun(listener: () => void): void {
    if (this.isBegun) listener();
    else this.whenBegun.push(listener);
  }

  get size(): number {
    return this.channels.length;
  }

  get isSettled(): boolean {
    return this.isBegun && this.open.every((future) => future.isSettled);
  }

  get isSuccess(): boolean {
    return this.isBegun && this.open.every((future) => future.isSuccess);
  }

  get isPartialSuccess(): boolean {
    const count = this.succeeded + this.open.filter((future) => future.isSuccess).length;
    return count > 0 && count < this.channels.length;
  }

  get isPartialFailure(): boolean {
    const count = this.open.filter((future) => future.isSettled && !future.isSuccess).length;
    return count > 0 && count < this.channels.length;
  }

  // biome-ignore lint/suspicious/noThenProperty: a future is awaitable
  then<A = void, B = never>(
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.settled().then(onFulfilled, onRejected);
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

  private async settled(): Promise<void> {
    if (!this.isBegun) await new Promise<void>((resolve) => this.whenBegun.push(resolve));
    const outcomes = await Promise.allSettled(this.open);
    const failures: MemberFailure[] = [];
    outcomes.forEach((outcome, i) => {
      if (outcome.status === 'rejected') {
        failures.push({ channel: this.owners[i]!, error: outcome.reason as Error });
      }
    });
    if (failures.length > 0) throw new ChannelGroupError(failures, this.channels.length);
  }
}
