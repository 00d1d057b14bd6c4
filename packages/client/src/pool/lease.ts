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
  /** The connection. Do not use it after you gave it back. */
  readonly channel: C;
  /** True once it was given back or discarded. */
  readonly isReleased: boolean;
  /**
   * Gives the connection back; it is checked, then waits for the next user.
   *
   * @throws PipelineError if it was given back before: another user may have the connection by now, so it is not touched
   */
  release(): void;
  /**
   * Closes the connection, for a user that does not know which messages may still arrive on it.
   *
   * @throws PipelineError if it was given back before
   */
  discard(): void;
  /** Gives the connection back, as {@link release}; does nothing if it was given back before. */
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
