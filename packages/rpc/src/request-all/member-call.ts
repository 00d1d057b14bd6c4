import { type Channel, isHeadraceError } from '@headrace/core';

/** Makes the error of a call that was cancelled. @param sent - false only if no byte of the call can have left */
export type Reason = (sent: boolean) => Error;

interface AbortListener {
  handleEvent(): void;
}

/**
 * One member's call, which is its own signal. An `AbortController` for each of ten thousand members would cost 14 MB and more
 * time than the calls. The class has the parts of an `AbortSignal` that a call uses.
 */
export class MemberCall {
  readonly channel: Channel;
  reason: unknown = undefined;
  isAsked = false;
  isSettled = false;
  private why: Reason | undefined = undefined;
  private listener: AbortListener | undefined = undefined;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  get aborted(): boolean {
    return this.why !== undefined;
  }

  get signal(): AbortSignal {
    return this as unknown as AbortSignal;
  }

  addEventListener(_type: string, listener: AbortListener): void {
    this.listener = listener;
  }

  removeEventListener(): void {
    this.listener = undefined;
  }

  /** Fails the call and sends a cancel to its peer. */
  abort(why: Reason): void {
    this.why ??= why;
    this.listener?.handleEvent();
  }

  /** Returns the error of the call as its caller receives it. */
  errorOf(error: Error): Error {
    if (this.why === undefined || !isHeadraceError(error, 'OPERATION_ABORTED')) return error;
    return this.why(error.details['sent'] === true);
  }
}
