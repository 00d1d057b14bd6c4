import type { Channel } from '@headrace/core';
import type { HeapEntry } from '@headrace/core/authoring';
import { guardedController } from './abort-guard.ts';
import type { MessageHold } from './message-hold.ts';

/** The second argument of a request's function, after the request. */
export interface RequestScope {
  readonly channel: Channel;
  /**
   * Signal that aborts when no answer is needed anymore, because the channel closed or the deadline has passed. A listener that
   * fails is logged.
   */
  readonly signal: AbortSignal;
}

/** A request or a notice of the peer, until its function has settled. The signal is made at its first use. */
export class Work implements RequestScope, HeapEntry {
  readonly channel: Channel;
  /** The id that the peer gave to the request. `undefined` for a notice, and in protocols without ids. */
  readonly id: number | string | undefined;
  /** Content of the request or notice. Set by the table. */
  body: unknown;
  /** Deadline of the answer, in milliseconds of the channel's clock. */
  deadline: number;
  heapIndex = -1;
  heapOrder = 0;
  /** State of the function. Set by the table. */
  state: 'waiting' | 'running' | 'settled' = 'waiting';
  /** Whether an answer is still needed. Set by the table. */
  isOpen = true;
  /** The hold of the work's message, if the channel can outlive this process. Set by the table. */
  hold: MessageHold | undefined = undefined;
  /** What the content counts while the function runs. Set by the table. */
  size = 0;
  private aborter: AbortController | undefined = undefined;
  private isAborted = false;
  private reason: unknown = undefined;

  /** @param deadline - deadline of the answer, in milliseconds of the channel's clock */
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
