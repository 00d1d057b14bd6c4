import { Buffer } from 'node:buffer';
import { ChannelError, type OutboundBytes } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import { MESSAGE_OVERHEAD_BYTES } from '../protocol/kept-run.ts';
import type { ResumeMachine } from '../protocol/resume-machine.ts';

/** A call of `acknowledged()`, which waits until the peer has all messages up to `target`. */
interface Waiter {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The output of a channel. The machine keeps as many messages as the peer's credit allows; the others wait here. */
export class LastingOutput {
  private readonly machine: ResumeMachine;
  private waiting: OutboundBytes[] | undefined = undefined;
  /** Bytes of the messages that wait for credit, including the overhead of each message. */
  waitingBytes = 0;
  /** Calls in the order of their numbers. */
  private waiters: Waiter[] | undefined = undefined;
  private isEnded = false;
  private endError: Error | undefined = undefined;

  constructor(machine: ResumeMachine) {
    this.machine = machine;
  }

  /** Whether messages wait for credit. */
  get hasWaiting(): boolean {
    return this.waiting !== undefined;
  }

  /** Keeps messages with a total length of `bytes`. */
  write(messages: readonly OutboundBytes[], bytes: number): void {
    this.waitingBytes += bytes + messages.length * MESSAGE_OVERHEAD_BYTES;
    if (this.waiting !== undefined) {
      // Messages that wait, for example from another process, come first.
      this.waiting.push(...messages);
      return;
    }
    const added = this.keep(messages, bytes);
    if (added < messages.length) this.waiting = messages.slice(added);
  }

  /** Adds copies of messages behind the waiting messages, even if the credit allows more. */
  addWaiting(messages: readonly OutboundBytes[]): void {
    if (messages.length === 0) return;
    this.waiting ??= [];
    for (const message of messages) {
      const copy = Buffer.from(toBuffer(message));
      this.waiting.push(copy);
      this.waitingBytes += copy.length + MESSAGE_OVERHEAD_BYTES;
    }
  }

  /** Number of messages that wait for credit. */
  get waitingCount(): number {
    return this.waiting?.length ?? 0;
  }

  /** Returns copies of the messages that wait for credit. */
  waitingPayloads(): Buffer[] {
    return (this.waiting ?? []).map((message) => Buffer.from(toBuffer(message)));
  }

  /** Called after an acknowledgement. Returns true if the last message that waited for credit is kept now. */
  fill(): boolean {
    this.settle();
    const { waiting } = this;
    if (waiting === undefined) return false;
    const added = this.keep(waiting);
    if (added < waiting.length) {
      waiting.splice(0, added);
      return false;
    }
    this.waiting = undefined;
    return true;
  }

  /** Passes as many messages to the machine as the credit allows. */
  private keep(messages: readonly OutboundBytes[], bytes?: number): number {
    const { machine } = this;
    const before = machine.keptBytes;
    const added = machine.addAll(messages, bytes);
    this.waitingBytes -= machine.keptBytes - before;
    return added;
  }

  /** Resolves when the peer has all messages written so far, plus `more` messages. */
  acknowledged(more = 0): Promise<void> {
    const target = this.machine.lastMessage + this.waitingCount + more;
    if (target <= this.machine.acknowledgedMessages) return Promise.resolve();
    if (this.isEnded) return Promise.reject(this.lostError());
    this.waiters ??= [];
    const { waiters } = this;
    return new Promise((resolve, reject) => waiters.push({ target, resolve, reject }));
  }

  /** Ends the output, because the peer sends no more acknowledgements. */
  end(error: Error | undefined): void {
    this.isEnded = true;
    this.endError = error;
    for (const { reject } of this.waiters?.splice(0) ?? []) reject(this.lostError());
  }

  private settle(): void {
    const { waiters, machine } = this;
    if (waiters === undefined) return;
    while (waiters.length > 0 && waiters[0]!.target <= machine.acknowledgedMessages)
      waiters.shift()!.resolve();
  }

  private lostError(): Error {
    const { length } = this.machine.unacknowledged();
    const text = `the lasting channel has ended, and ${length} messages were not acknowledged`;
    const details = { unacknowledged: length };
    return this.endError ?? new ChannelError(LASTING_ERRORS.RESUME_GONE, text, details);
  }
}
