import { type Channel, PipelineError } from '@headrace/core';
import type { PoolEntry } from './pool-entry.ts';

/** Takes connections back. */
export interface LeaseOwner<C extends Channel> {
  takeBack(entry: PoolEntry<C>): void;
  discard(entry: PoolEntry<C>): void;
}

const DONE: Promise<void> = Promise.resolve();

/** A connection for one user at a time, until it is given back: `await using lease = await pool.acquire()`. */
export interface Lease<C extends Channel = Channel> extends AsyncDisposable {
  /** The connection. Not to be used after it was given back. */
  readonly channel: C;
  /** True once it was given back or discarded. */
  readonly isReleased: boolean;
  /**
   * Gives the connection back; it is checked, then waits for the next user.
   *
   * @throws PipelineError if that was done before: the connection may be another user's by now, and is left alone
   */
  release(): void;
  /**
   * Closes the connection: for a user who does not know what may still come in on it.
   *
   * @throws PipelineError if it was given back before
   */
  discard(): void;
  /** As {@link release}; nothing if it was given back before. */
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
    if (!this.isOver) this.release();
    return DONE;
  }

  private end(): void {
    if (this.isOver) {
      throw new PipelineError('PIPELINE_STATE', 'this lease was given back before');
    }
    this.isOver = true;
  }
}
