import type { Clock } from '@headrace/core';
import { DeadlineList } from '@headrace/core/authoring';
import type { Call, CallCarrier, CallOwner } from './call.ts';
import { queueFull, requestAborted, requestLost, requestTimedOut } from './call-error.ts';

/** Options of a {@link CallTable}. */
export interface CallTableOptions {
  /** Maximum number of calls that wait to be sent. Further calls fail with `REJECTED_QUEUE`. */
  readonly maxQueued: number;
  /** Name of the `maxQueued` limit among the options of the owner. @default 'maxQueued' */
  readonly queueOption?: string;
  /** Whether calls that were certainly not sent wait for the next connection, after a loss. @default false */
  readonly resends?: boolean;
  /** Whether deadlines keep the process alive, for calls that wait without a connection. @default false */
  readonly keepsProcess?: boolean;
}

/**
 * The calls of one end, over one connection or several, with their queue, deadlines, signals and results. Queued calls are sent
 * in order, and no call overtakes them. Of the carriers that take a call, the carrier with the lowest load receives the call.
 * Carriers with equal loads take turns.
 */
export class CallTable implements CallOwner {
  private readonly clock: Clock;
  private readonly options: CallTableOptions;
  private readonly deadlines: DeadlineList<Call>;
  private readonly carriers: CallCarrier[] = [];
  /** Index of the carrier that is checked first for the next call. */
  private turn = 0;
  private queue = new Set<Call>();
  private isSending = false;
  /** Error of the last try to connect, while there is no connection. */
  private loss: Error | undefined = undefined;

  constructor(clock: Clock, options: CallTableOptions) {
    this.clock = clock;
    this.options = options;
    this.deadlines = new DeadlineList(clock, (call) => this.expired(call), options.keepsProcess);
  }

  /** Number of calls that wait to be sent. */
  get queued(): number {
    return this.queue.size;
  }

  /** Whether a connection exists. */
  get isConnected(): boolean {
    return this.carriers.length > 0;
  }

  /** Error of the last try to connect. `undefined` while a connection exists, and before the first try. */
  get lastLoss(): Error | undefined {
    return this.loss;
  }

  // --- connections ---

  /** Adds a new connection, and sends the queued calls. */
  add(carrier: CallCarrier): void {
    this.carriers.push(carrier);
    this.loss = undefined;
    this.sendQueued();
  }

  /** Removes a connection that has ended. The calls of the connection are reported by {@link lost}. */
  remove(carrier: CallCarrier): void {
    const at = this.carriers.indexOf(carrier);
    if (at !== -1) this.carriers.splice(at, 1);
  }

  /** Records why a try to connect failed, for the errors of queued calls. */
  failedToConnect(error: Error): void {
    if (!this.isConnected) this.loss = error;
  }

  /** Ends the calls of a lost connection, in order. With `resends`, unsent calls are queued again. */
  lost(calls: readonly Call[], why: string, cause: unknown): void {
    const again: Call[] = [];
    for (const call of calls) {
      const { mayHaveLeft } = call;
      if (mayHaveLeft || this.options.resends !== true) {
        this.end(call, requestLost(why, mayHaveLeft, cause));
      } else if (call.isOpen) again.push(call);
    }
    for (const call of again) {
      call.carrier = undefined;
      call.write = undefined;
    }
    if (again.length > 0) this.queue = new Set([...again, ...this.queue]);
    this.sendQueued();
  }

  /** Fails the queued calls. */
  failQueued(errorOf: () => Error): void {
    for (const call of [...this.queue]) this.end(call, errorOf());
    if (this.deadlines.size === 0) this.deadlines.clear();
    this.after(undefined);
  }

  // --- calls ---

  /** Returns the carrier that takes this call now, or `undefined` if the call must wait. */
  carrierOf(call: Call): CallCarrier | undefined {
    return this.queue.size === 0 ? this.leastLoaded(call) : undefined;
  }

  /** Sends the call, or queues it. Rejects the call if the queue is full. */
  submit(call: Call, signal?: AbortSignal): void {
    const carrier = this.carrierOf(call);
    const { maxQueued, queueOption } = this.options;
    if (carrier === undefined && this.queue.size >= maxQueued) {
      call.reject(queueFull(maxQueued, queueOption));
      return;
    }
    call.isOpen = true;
    if (call.deadline === Number.POSITIVE_INFINITY) {
      call.deadline = this.clock.now() + call.timeoutMs;
    }
    this.deadlines.add(call);
    if (signal !== undefined) call.listen(signal, this);
    if (carrier === undefined) this.queue.add(call);
    else carrier.send(call);
  }

  /** Sends queued calls as far as a carrier takes them. */
  sendQueued(): void {
    if (this.isSending || this.queue.size === 0) return;
    this.isSending = true;
    let sent: ReadonlySet<Call>;
    do {
      sent = this.queue;
      for (const call of sent) {
        const carrier = this.leastLoaded(call);
        if (carrier === undefined) break;
        this.queue.delete(call);
        carrier.send(call);
        // A connection that is lost within its write puts its calls ahead of these calls.
        if (this.queue !== sent) break;
      }
    } while (this.queue !== sent);
    this.isSending = false;
  }

  /** Reports an answer that is not the last. */
  answered(call: Call, answer: unknown): void {
    this.deadlines.remove(call);
    call.timeoutMs = call.gapMs;
    call.deadline = this.clock.now() + call.gapMs;
    this.deadlines.add(call);
    call.resolve(answer);
  }

  /** Reports the last answer. */
  completed(call: Call, answer: unknown): void {
    if (!call.isOpen) return;
    const { carrier } = call;
    this.close(call);
    call.resolve(answer);
    this.after(carrier);
  }

  /** Rejects a call that has failed. */
  fail(call: Call, error: Error): void {
    const { carrier } = call;
    if (this.end(call, error)) this.after(carrier);
  }

  /** Ends a call without an error, because the caller does not wait anymore. */
  drop(call: Call): void {
    if (!call.isOpen) return;
    const { carrier } = call;
    this.close(call);
    this.after(carrier);
  }

  aborted(call: Call, signal: AbortSignal): void {
    this.fail(call, requestAborted(signal, call.mayHaveLeft));
  }

  private expired(call: Call): void {
    const { mayHaveLeft, timeoutMs } = call;
    const isOffline = !mayHaveLeft && !this.isConnected;
    this.fail(call, requestTimedOut(timeoutMs, mayHaveLeft, isOffline, this.loss));
  }

  /** Rejects the call. Returns true if the call was open. */
  private end(call: Call, error: Error): boolean {
    if (!call.isOpen) return false;
    this.close(call);
    call.reject(error);
    return true;
  }

  private close(call: Call): void {
    call.isOpen = false;
    this.deadlines.remove(call);
    call.unlisten();
    if (call.carrier === undefined) this.queue.delete(call);
    else call.carrier.drop(call);
  }

  private after(carrier: CallCarrier | undefined): void {
    this.sendQueued();
    if (carrier !== undefined) carrier.changed();
    else for (const each of this.carriers) each.changed();
  }

  private leastLoaded(call: Call): CallCarrier | undefined {
    const { carriers } = this;
    let found: CallCarrier | undefined;
    if (carriers.length === 1) return carriers[0]!.takes(call) ? carriers[0] : undefined;
    let at = this.turn;
    for (let left = carriers.length; left > 0; left -= 1) {
      if (at >= carriers.length) at = 0;
      const carrier = carriers[at]!;
      at += 1;
      if (!carrier.takes(call) || (found !== undefined && carrier.load >= found.load)) continue;
      found = carrier;
      this.turn = at;
    }
    return found;
  }
}
