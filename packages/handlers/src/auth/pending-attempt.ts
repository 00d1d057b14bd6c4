import type { Channel } from '@headrace/core';
import type { AuthAttempt } from './auth-options.ts';

/**
 * One question to the authenticator. The signal is made on first use, because most authenticators answer at once, and a signal
 * costs more than the rest of a refusal, including garbage collection.
 */
export class PendingAttempt implements AuthAttempt {
  readonly channel: Channel;
  private controller: AbortController | undefined = undefined;
  private isAborted = false;
  private why: Error | undefined = undefined;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.isAborted) this.controller.abort(this.why);
    }
    return this.controller.signal;
  }

  abort(why: Error | undefined): void {
    this.isAborted = true;
    this.why = why;
    this.controller?.abort(why);
  }
}
