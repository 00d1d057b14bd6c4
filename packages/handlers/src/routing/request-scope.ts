import type { Channel } from '@headrace/core';

/** What a request's function gets beside the request. */
export interface RequestScope {
  readonly channel: Channel;
  /** Aborts when the answer is not needed any more: the channel closed, or the time is over. */
  readonly signal: AbortSignal;
}

/** A scope whose signal is made when somebody asks for it: most functions do not, and it costs more than a message. */
export class LazyRequestScope implements RequestScope {
  readonly channel: Channel;
  private aborter: AbortController | undefined = undefined;
  private isAborted = false;
  private reason: unknown = undefined;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get signal(): AbortSignal {
    if (this.aborter === undefined) {
      this.aborter = new AbortController();
      if (this.isAborted) this.aborter.abort(this.reason);
    }
    return this.aborter.signal;
  }

  abort(reason?: unknown): void {
    this.isAborted = true;
    this.reason = reason;
    this.aborter?.abort(reason);
  }
}
