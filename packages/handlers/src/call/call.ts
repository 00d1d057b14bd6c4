import type { WriteFuture } from '@headrace/core';
import { type HeapEntry, onAbort } from '@headrace/core/authoring';

/** The connection that carries a call. */
export interface CallCarrier {
  /** Number of requests under way on this carrier. The carrier with the lowest load receives the next call. */
  readonly load: number;
  /** Returns true if the carrier can send this call at once. */
  takes(call: Call): boolean;
  /** Sends a call that the carrier takes. */
  send(call: Call): void;
  /** Called when the answers of a call are not needed anymore. */
  drop(call: Call): void;
  /** Called when a call has ended, and another call may have been sent. */
  changed(): void;
}

/** The table that contains a call. */
export interface CallOwner {
  /** Called when the signal of a call has aborted. */
  aborted(call: Call, signal: AbortSignal): void;
}

/**
 * A call of this end. A request receives one answer or several. A notice receives none. The call is open from `CallTable.submit`
 * until its last answer or its failure, or until its caller drops the call.
 */
export class Call implements HeapEntry {
  /** Id on the wire. A `CallLine` gives a number to a request without an id. */
  id: number | string | undefined = undefined;
  heapIndex = -1;
  heapOrder = 0;
  deadline = Number.POSITIVE_INFINITY;
  /** Time limit in milliseconds, for the text of the deadline's error. */
  timeoutMs: number;
  /** Maximum time between two answers, in milliseconds. */
  gapMs = Number.POSITIVE_INFINITY;
  /** Whether the peer answers the call: false for a notice. */
  readonly expectsAnswer: boolean;
  /** Content of the call, while it is needed. */
  body: unknown;
  /** Called with each answer, or when the transport has taken a notice. */
  readonly resolve: (answer: unknown) => void;
  /** Called once, if the call fails. */
  readonly reject: (error: Error) => void;
  /** Whether the call is open. Set by the table. */
  isOpen = false;
  /** The carrier that the call was sent on. */
  carrier: CallCarrier | undefined = undefined;
  /** The write of the call's message, after the call was sent. */
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

  /** Whether bytes of the call may have left: false only if no byte can have left. */
  get mayHaveLeft(): boolean {
    const { write } = this;
    return write !== undefined && (!write.isSettled || write.mayHaveLeft);
  }

  /** Notifies the owner when the signal aborts. */
  listen(signal: AbortSignal, owner: CallOwner): void {
    this.stopListening = onAbort(signal, () => owner.aborted(this, signal));
  }

  /** Stops listening to the signal. */
  unlisten(): void {
    this.stopListening?.();
    this.stopListening = undefined;
  }
}
