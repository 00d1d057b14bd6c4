import type { Channel, MessageHold } from '@headrace/core';
import type { HeapEntry } from '@headrace/core/authoring';
import { guardedController } from './abort-guard.ts';

/** The second argument of a request's function, after the request. */
export interface RequestScope {
  readonly channel: Channel;
  /**
   * Aborts when the answer is not needed any more: the channel closed, or the time is over. A listener that throws or
   * rejects is logged.
   */
  readonly signal: AbortSignal;
}

/** A request or a notice of the peer, until its function has settled. The signal is made when it is asked for. */
export class Work implements RequestScope, HeapEntry {
  readonly channel: Channel;
  /** The peer's name for it; `undefined` for a notice, and in protocols without ids. */
  readonly id: number | string | undefined;
  /** Belongs to the table. */
  body: unknown;
  /** The deadline of the answer, in milliseconds of the channel's clock. */
  deadline: number;
  heapIndex = -1;
  heapOrder = 0;
  /** Belongs to the table. */
  state: 'waiting' | 'running' | 'settled' = 'waiting';
  /** An answer is still wanted. Belongs to the table. */
  isOpen = true;
  /** The hold of its message, if the channel can outlive this process. Belongs to the table. */
  hold: MessageHold | undefined = undefined;
  private aborter: AbortController | undefined = undefined;
  private isAborted = false;
  private reason: unknown = undefined;

  /** @param deadline - in milliseconds of the channel's clock */
  constructor(
    channel: Channel,
    id: number | string | undefined,
    body: unknown,
    deadline: number = Number.POSITIVE_INFINITY,
  ) {
    this.channel = channel;
    this.id = id;
    this.body = body;
    this.deadline = deadline;
  }

  get signal(): AbortSignal {
    if (this.aborter === undefined) {
      const { channel } = this;
      this.aborter = guardedController((error) => {
        channel.logger.log('error', `${channel} an abort listener failed: ${error.message}`, error);
      });
      if (this.isAborted) this.aborter.abort(this.reason);
    }
    return this.aborter.signal;
  }

  /** Aborts the signal of the work. */
  abort(reason?: unknown): void {
    this.isAborted = true;
    this.reason = reason;
    this.aborter?.abort(reason);
  }
}
