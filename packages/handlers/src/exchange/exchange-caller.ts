import { ChannelError, type WriteFuture } from '@headrace/core';
import { SettableFuture, toError } from '@headrace/core/authoring';
import { CallTable, type Queued } from './call-table.ts';
import type { DeadlineEntry } from './deadline-heap.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import {
  queueFull,
  refusedByPeer,
  requestAborted,
  requestLost,
  requestTimedOut,
} from './exchange-error.ts';
import type { ExchangeFormat } from './exchange-format.ts';
import type { ExchangeOutput } from './exchange-output.ts';

/** What a {@link Call} reports to. */
interface CallOwner {
  aborted(call: Call): void;
}

/** One call of ours, until it is settled. */
class Call implements DeadlineEntry {
  id = 0;
  isQueued = false;
  heapIndex = -1;
  readonly deadline: number;
  readonly timeoutMs: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Until it is sent. */
  body: unknown;
  /** Once it is sent. */
  write: WriteFuture | undefined = undefined;
  private owner: CallOwner | undefined = undefined;
  private abortSignal: AbortSignal | undefined = undefined;

  constructor(
    body: unknown,
    deadline: number,
    timeoutMs: number,
    resolve: (result: unknown) => void,
    reject: (error: Error) => void,
  ) {
    this.body = body;
    this.deadline = deadline;
    this.timeoutMs = timeoutMs;
    this.resolve = resolve;
    this.reject = reject;
  }

  get signal(): AbortSignal | undefined {
    return this.abortSignal;
  }

  /** False only if no byte of it can have left. */
  get mayHaveLeft(): boolean {
    const { write } = this;
    return write !== undefined && (!write.isSettled || write.mayHaveLeft);
  }

  listen(signal: AbortSignal, owner: CallOwner): void {
    this.owner = owner;
    this.abortSignal = signal;
    signal.addEventListener('abort', this);
  }

  unlisten(): void {
    this.abortSignal?.removeEventListener('abort', this);
    this.abortSignal = undefined;
  }

  handleEvent(): void {
    this.owner?.aborted(this);
  }
}

/** A notification that waits for the calls before it: a future of its own. */
class Notice extends SettableFuture implements Queued {
  isQueued = false;
  readonly body: unknown;

  constructor(body: unknown) {
    super();
    this.body = body;
  }
}

const isCall = (entry: Call | Notice): entry is Call => entry instanceof Call;

/** What the calls of this end need. */
export interface CallerOptions {
  readonly format: ExchangeFormat;
  readonly maxInFlight: number;
  readonly maxQueued: number;
}

/** The calls of this end over one channel: carries out what the {@link CallTable} says, and settles the promises. */
export class ExchangeCaller implements CallOwner {
  private readonly output: ExchangeOutput;
  private readonly format: ExchangeFormat;
  private readonly maxQueued: number;
  private readonly table: CallTable<Call, Notice>;
  private readonly deadlines: DeadlineTimer<Call>;
  private readonly becameIdle: () => void;
  /** The future that is watched: all writes of one flush have the same. */
  private watched: WriteFuture | undefined = undefined;
  private isSending = false;
  /** Answers cannot come any more. */
  private lost: { readonly why: string; readonly cause: unknown } | undefined = undefined;

  constructor(output: ExchangeOutput, options: CallerOptions, becameIdle: () => void) {
    this.output = output;
    this.format = options.format;
    this.maxQueued = options.maxQueued;
    this.table = new CallTable(options);
    this.deadlines = new DeadlineTimer((call) => this.expired(call));
    this.becameIdle = becameIdle;
  }

  get counts(): Pick<CallTable<Call, Notice>, 'inFlight' | 'queued' | 'late' | 'unknown'> {
    return this.table;
  }

  get isBusy(): boolean {
    return this.table.isBusy;
  }

  // --- what is asked ---

  request(body: unknown, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(requestAborted(signal, false));
    return new Promise((resolve, reject) => {
      const { clock } = this.output.ctx;
      const call = new Call(body, clock.now() + timeoutMs, timeoutMs, resolve, reject);
      if (this.output.isOver || this.lost !== undefined) {
        reject(this.lostError(false));
        return;
      }
      const admission = this.table.admit(call, this.takesMore);
      if (admission === 'refuse') {
        reject(queueFull(this.maxQueued));
        return;
      }
      this.deadlines.add(clock, call);
      if (signal !== undefined) call.listen(signal, this);
      if (admission === 'send') this.send(call);
    });
  }

  notify(body: unknown): WriteFuture {
    const { output, table } = this;
    // Waits only behind others, or for the connection: then it needs a future of its own.
    if (table.queued === 0 && (output.isOpen || output.isOver)) return this.sendNotice(body);
    const notice = new Notice(body);
    const admission = table.admitNotice(notice, false);
    if (admission === 'refuse') this.failNotice(notice, queueFull(this.maxQueued));
    return notice;
  }

  // --- sending ---

  /** Calls wait while the channel is not writable: what waits here can be taken back. */
  private get takesMore(): boolean {
    return this.output.isOpen && this.output.ctx.channel.isWritable;
  }

  /** Sends what may be sent: there is room again, or the channel is connected, or writable. */
  sendQueued(): void {
    if (this.table.queued === 0 || this.isSending) return;
    this.isSending = true;
    while (this.takesMore) {
      const entry = this.table.next(isCall);
      if (entry === undefined) break;
      if (isCall(entry)) this.send(entry);
      else entry.follow(this.sendNotice(entry.body), this.output.ctx);
    }
    this.isSending = false;
  }

  private send(call: Call): void {
    const { table, format, output } = this;
    const id = table.launch(call);
    let future: WriteFuture;
    try {
      future = output.write(format.request(id, call.body, this.timeLeft(call)));
    } catch (thrown) {
      this.fail(call, toError(thrown));
      return;
    }
    call.body = undefined;
    call.write = future;
    if (!future.isSettled) this.watch(future);
    else if (!future.isSuccess) this.fail(call, this.writeError(call, future));
  }

  private timeLeft({ deadline }: Call): number {
    if (deadline === Number.POSITIVE_INFINITY) return deadline;
    return Math.max(1, Math.ceil(deadline - this.output.ctx.clock.now()));
  }

  private sendNotice(body: unknown): WriteFuture {
    try {
      return this.output.write(this.format.notification(body));
    } catch (thrown) {
      const error = toError(thrown);
      const future = SettableFuture.failed(error);
      this.output.ctx.reportFailure(future, error);
      return future;
    }
  }

  private failNotice(notice: Notice, error: Error): void {
    notice.fail(error);
    this.output.ctx.reportFailure(notice, error);
  }

  /** Looks at a write that fails later. When the channel closes, all are lost together. */
  private watch(future: WriteFuture): void {
    if (future === this.watched) return;
    this.watched = future;
    future.onSettled((error) => {
      if (this.watched === future) this.watched = undefined;
      if (error !== undefined && this.output.ctx.channel.isOpen) this.writeFailed(future);
    });
  }

  private writeFailed(future: WriteFuture): void {
    for (const call of this.table.inFlightCalls()) {
      if (call.write === future) this.fail(call, this.writeError(call, future));
    }
    this.afterSettling();
  }

  /** What cannot be encoded is a mistake of the call; anything else is a lost connection. */
  private writeError(call: Call, future: WriteFuture): Error {
    const error = future.error!;
    if (!(error instanceof ChannelError)) return error;
    return requestLost('the request could not be written', call.mayHaveLeft, error);
  }

  // --- answers ---

  answered(id: unknown, result: unknown): void {
    const call = this.table.answered(id);
    if (call === undefined) return;
    this.settle(call);
    call.resolve(result);
    this.afterSettling();
  }

  refused(id: unknown, code: number, text: string, data: unknown): void {
    const call = this.table.answered(id);
    if (call === undefined) return;
    this.settle(call);
    call.reject(refusedByPeer(code, text, data));
    this.afterSettling();
  }

  // --- calls that are given up ---

  aborted(call: Call): void {
    this.giveUp(call, (sent) => requestAborted(call.signal!, sent));
  }

  private expired(call: Call): void {
    this.giveUp(call, (sent) => requestTimedOut(call.timeoutMs, sent));
  }

  private giveUp(call: Call, errorOf: (sent: boolean) => Error): void {
    const error = errorOf(call.mayHaveLeft);
    if (this.table.giveUp(call) && this.output.isOpen) this.sendCancel(call);
    this.settle(call);
    call.reject(error);
    this.afterSettling();
  }

  /** Its failure means nothing: who would execute the request is gone. */
  private sendCancel({ id }: Call): void {
    this.output.write(this.format.cancel(id)).onSettled(() => {});
  }

  /** No answer can come any more: all fail, and all that are asked later. */
  lose(why: string, cause?: unknown): void {
    if (this.lost !== undefined) return;
    this.lost = { why, cause };
    this.deadlines.clear();
    for (const call of this.table.takeSent()) {
      call.unlisten();
      call.reject(this.lostError(call.mayHaveLeft));
    }
    this.loseQueued();
    this.becameIdle();
  }

  /** Nothing that waits can be sent any more; what was sent may still be answered. */
  loseQueued(): void {
    for (const entry of this.table.takeQueued()) {
      if (isCall(entry)) {
        this.settle(entry);
        entry.reject(this.lostError(false));
      } else this.failNotice(entry, this.lostError(false));
    }
    this.afterSettling();
  }

  private lostError(sent: boolean): ChannelError {
    const { why = 'the channel takes no more output', cause } = this.lost ?? {};
    return requestLost(why, sent, cause);
  }

  private fail(call: Call, error: Error): void {
    this.table.giveUp(call);
    this.settle(call);
    call.reject(error);
  }

  private settle(call: Call): void {
    this.deadlines.remove(call);
    call.unlisten();
  }

  private afterSettling(): void {
    this.sendQueued();
    if (!this.table.isBusy) this.becameIdle();
  }
}
