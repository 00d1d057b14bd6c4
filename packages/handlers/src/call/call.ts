import type { WriteFuture } from '@headrace/core';
import { type HeapEntry, onAbort } from '@headrace/core/authoring';

/** The connection that a call was given to. */
export interface CallCarrier {
  /** Calls that are under way over it: of several carriers, the one with the fewest gets the next call. */
  readonly load: number;
  /** True if it sends this call at once. */
  takes(call: Call): boolean;
  /** Sends a call that it takes. */
  send(call: Call): void;
  /** The call is over; its answers are not wanted any more. */
  drop(call: Call): void;
  /** A call is over, and another one may have taken its place. */
  changed(): void;
}

/** The table that a call is in. */
export interface CallOwner {
  /** The signal of a call has aborted. */
  aborted(call: Call, signal: AbortSignal): void;
}

/**
 * A call of this end: a request, which gets one answer or several, or a notice, which gets none. It is open from
 * `CallTable.submit` on until its last answer, its failure, or until its caller drops it.
 */
export class Call implements HeapEntry {
  /** The name on the wire; a `CallLine` gives a number to a call without one. */
  id: number | string | undefined = undefined;
  heapIndex = -1;
  heapOrder = 0;
  deadline = Number.POSITIVE_INFINITY;
  /** For the error of the deadline, in milliseconds. */
  timeoutMs: number;
  /** The time between two answers, in milliseconds. */
  gapMs = Number.POSITIVE_INFINITY;
  /** False for a notice. */
  readonly expectsAnswer: boolean;
  /** The content, for as long as it is needed. */
  body: unknown;
  /** Called with each answer; for a notice, when the transport has taken it. */
  readonly resolve: (answer: unknown) => void;
  /** Called once, if the call fails. */
  readonly reject: (error: Error) => void;
  /** Belongs to the table. */
  isOpen = false;
  /** Where it was sent. */
  carrier: CallCarrier | undefined = undefined;
  /** The write of its message, once it was sent. */
  write: WriteFuture | undefined = undefined;
  private stopListening: (() => void) | undefined = undefined;

  constructor(
    body: unknown,
    timeoutMs: number,
    resolve: (answer: unknown) => void,
    reject: (error: Error) => void,
    expectsAnswer = true,
  ) {
    this.body = body;
    this.timeoutMs = timeoutMs;
    this.resolve = resolve;
    this.reject = reject;
    this.expectsAnswer = expectsAnswer;
  }

  /** False only if no byte of it can have left. */
  get mayHaveLeft(): boolean {
    const { write } = this;
    return write !== undefined && (!write.isSettled || write.mayHaveLeft);
  }

  /** Reports to the owner when the signal aborts. */
  listen(signal: AbortSignal, owner: CallOwner): void {
    this.stopListening = onAbort(signal, () => owner.aborted(this, signal));
  }

  /** Listens to the signal no more. */
  unlisten(): void {
    this.stopListening?.();
    this.stopListening = undefined;
  }
}
