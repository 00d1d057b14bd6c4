import { type Channel, PipelineError } from '@headrace/core';
import type { PoolEntry } from './pool-entry.ts';

/** The owner of leases, which takes back connections. */
export interface LeaseOwner<C extends Channel> {
  takeBack(entry: PoolEntry<C>): void;
  discard(entry: PoolEntry<C>): void;
}

const DONE: Promise<void> = Promise.resolve();

/**
 * A connection that belongs to one user until it is released or discarded. The pool's `use` does this for you. With
 * `await using lease = await pool.acquire()`, call `lease.release()` at the end of the block: without it, the connection closes.
 */
export interface Lease<C extends Channel = Channel> extends AsyncDisposable {
  /** Channel of the connection. Do not use the channel after the release. */
  readonly channel: C;
  /** True after `release` or `discard`. */
  readonly isReleased: boolean;
  /**
   * Releases the connection. The pool checks the connection and gives it to the next user.
   *
   * @throws PipelineError if the connection was already released; the connection is left unchanged, because another user may have
   * the connection
   */
  release(): void;
  /**
   * Closes the connection, for a user that does not know which messages can still arrive on it.
   *
   * @throws PipelineError if the connection was already released
   */
  discard(): void;
  /**
   * Closes the connection, like {@link discard}, because an answer for this user may still arrive after an error. Does nothing if
   * the connection was already released.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A lease of a pool's entry. */
export class PoolLease<C extends Channel = Channel> implements Lease<C> {
  private readonly owner: LeaseOwner<C>;
  private readonly entry: PoolEntry<C>;
  private isOver = false;

  constructor(owner: LeaseOwner<C>, entry: PoolEntry<C>) {
    this.owner = owner;
    this.entry = entry;
  }

  get channel(): C {
    return this.entry.channel;
  }

  get isReleased(): boolean {
    return this.isOver;
  }

  release(): void {
    this.end();
    this.owner.takeBack(this.entry);
  }

  discard(): void {
    this.end();
    this.owner.discard(this.entry);
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.isOver) this.discard();
    return DONE;
  }

  private end(): void {
    if (this.isOver) {
      throw new PipelineError('PIPELINE_STATE', 'this lease was given back before');
    }
    this.isOver = true;
  }
}
