import { type Channel, isHeadraceError } from '@headrace/core';

/** The error of a call that was given up. @param sent - false only if no byte of it can have left. */
export type Reason = (sent: boolean) => Error;

interface AbortListener {
  handleEvent(): void;
}

/**
 * One member's call, which is its own signal: an `AbortController` for each of ten thousand members would cost 14 MB and
 * more time than the calls. It has of an `AbortSignal` what a call uses.
 */
export class MemberCall {
  readonly channel: Channel;
  reason: unknown = undefined;
  /** It was given to its handler. */
  isAsked = false;
  /** It has its answer or its error. */
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

  /** The call fails, and its peer gets a cancel. */
  abort(why: Reason): void {
    this.why ??= why;
    this.listener?.handleEvent();
  }

  /** The error of the call as its caller gets it. */
  errorOf(error: Error): Error {
    if (this.why === undefined || !isHeadraceError(error, 'OPERATION_ABORTED')) return error;
    return this.why(error.details['sent'] === true);
  }
}
