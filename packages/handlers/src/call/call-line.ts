import { ChannelError, type WriteFuture } from '@headrace/core';
import { callInContext, toError } from '@headrace/core/authoring';
import type { Call, CallCarrier } from './call.ts';
import { requestLost } from './call-error.ts';
import type { CallOutput } from './call-output.ts';
import type { CallTable } from './call-table.ts';

/** The messages that a protocol writes for calls. */
export interface CallWire {
  /** Makes the message of a call whose id is set. If it throws, the call fails. */
  messageOf(call: Call): unknown;
  /** Makes the message that cancels a call. Returns `undefined` if the protocol has no such message. */
  cancelOf(call: Call): unknown;
}

/** Options of a {@link CallLine}. */
export interface CallLineOptions {
  readonly wire: CallWire;
  /** Maximum number of requests without their last answer. */
  readonly maxInFlight: number;
  /** Highest id: a power of two minus one. At most so many requests are under way. @default 4294967295 */
  readonly maxId?: number;
  /** Number after which ids begin, for tests. @default 0 */
  readonly lastId?: number;
  /** Called when a call has ended. */
  readonly changed: () => void;
}

const MAX_ID = 0xffff_ffff;

/** The calls of a {@link CallTable} that are under way over one connection, by id. */
export class CallLine implements CallCarrier {
  /** Whether the line takes no more calls. */
  isPaused = false;
  private readonly table: CallTable;
  private readonly output: CallOutput;
  private readonly options: CallLineOptions;
  /** Calls in the order in which they were sent. The key of a notice is the notice itself. */
  private readonly calls = new Map<unknown, Call>();
  private readonly maxId: number;
  private readonly maxInFlight: number;
  private noticeCount = 0;
  private lastId: number;
  /** Whether ids have started again from 1. */
  private hasWrapped = false;
  private lateCount = 0;
  private unknownCount = 0;
  /** The future that is observed. All writes of one flush have the same future. */
  private watched: WriteFuture | undefined = undefined;
  /** Number of writes that have begun and not returned. */
  private writing = 0;
  private loss: { readonly why: string; readonly cause: unknown } | undefined = undefined;

  constructor(table: CallTable, output: CallOutput, options: CallLineOptions) {
    this.table = table;
    this.output = output;
    this.options = options;
    const { maxId = MAX_ID, maxInFlight, lastId = 0 } = options;
    this.maxId = maxId;
    this.maxInFlight = Math.min(maxInFlight, maxId);
    this.lastId = lastId;
  }

  /** Number of requests without their last answer. */
  get load(): number {
    return this.calls.size - this.noticeCount;
  }

  /** Whether a request is under way, or a notice that the transport has not taken. */
  get isBusy(): boolean {
    return this.calls.size > 0;
  }

  /** Number of answers that arrived after their call had ended. */
  get late(): number {
    return this.lateCount;
  }

  /** Number of answers without a call. */
  get unknown(): number {
    return this.unknownCount;
  }

  takes({ expectsAnswer }: Call): boolean {
    if (this.isPaused || this.loss !== undefined || !this.output.isWritable) return false;
    return !expectsAnswer || this.load < this.maxInFlight;
  }

  send(call: Call): void {
    call.carrier = this;
    this.enter(call);
    this.writing += 1;
    try {
      call.write = this.output.write(this.options.wire.messageOf(call));
    } catch (thrown) {
      this.table.fail(call, toError(thrown));
    } finally {
      this.writing -= 1;
    }
    if (this.loss !== undefined) this.loseAll();
    else if (call.write !== undefined) this.observe(call, call.write);
  }

  private observe(call: Call, future: WriteFuture): void {
    if (!call.expectsAnswer) future.onSettled((error) => this.noticeSettled(call, error));
    else if (!future.isSettled) this.watch(future);
    else if (!future.isSuccess) this.table.fail(call, writeError(call, future.error!));
  }

  /** Returns the request with this id that is under way. */
  find(id: unknown): Call | undefined {
    return this.calls.get(id);
  }

  /** Returns the request that an answer names, and removes it after its last answer. Counts an answer without a request. */
  answered(id: unknown, isLast = true): Call | undefined {
    const call = this.calls.get(id);
    if (call === undefined) {
      if (this.wasIssued(id)) this.lateCount += 1;
      else this.unknownCount += 1;
    } else if (isLast) this.calls.delete(id);
    return call;
  }

  drop(call: Call): void {
    if (!this.calls.delete(keyOf(call))) return;
    if (!call.expectsAnswer) this.noticeCount -= 1;
    else if (call.mayHaveLeft && this.output.isOpen) this.cancel(call);
  }

  /** Cancels a call at the peer. If this write fails, the connection is lost, so its error is ignored. */
  private cancel(call: Call): void {
    callInContext(this.output.ctx, () => {
      const message = this.options.wire.cancelOf(call);
      if (message !== undefined) this.output.write(message).onSettled(() => {});
    });
  }

  changed(): void {
    this.options.changed();
  }

  /** Fails the requests. Notices continue while the channel is open. */
  lose(why: string, cause?: unknown): void {
    this.loss ??= { why, cause };
    this.loseAll();
  }

  /** Takes no more calls, and fails the requests after `lastId`, which the peer has not taken. Other calls continue. */
  leave(lastId: number, why: string): void {
    this.isPaused = true;
    for (const call of [...this.calls.values()]) {
      if (!call.expectsAnswer || !this.isAfter(call.id as number, lastId)) continue;
      this.calls.delete(call.id);
      this.table.fail(call, requestLost(why, false));
    }
  }

  /** Fails the lost calls, except within a write. Only the future of the write knows whether bytes have left. */
  private loseAll(): void {
    if (this.writing > 0) return;
    const { why, cause } = this.loss!;
    const lost = [...this.calls.values()];
    if (!this.output.ctx.channel.isOpen) {
      this.calls.clear();
      this.noticeCount = 0;
      this.table.lost(lost, why, cause);
      return;
    }
    const requests = lost.filter(({ expectsAnswer }) => expectsAnswer);
    for (const { id } of requests) this.calls.delete(id);
    this.table.lost(requests, why, cause);
  }

  /** Adds a call. A request without an id receives a number that no other request in flight has, and never 0. */
  private enter(call: Call): void {
    if (!call.expectsAnswer) this.noticeCount += 1;
    else call.id ??= this.nextId();
    this.calls.set(keyOf(call), call);
  }

  private nextId(): number {
    do {
      if (this.lastId === this.maxId) {
        this.lastId = 0;
        this.hasWrapped = true;
      }
      this.lastId += 1;
    } while (this.calls.has(this.lastId));
    return this.lastId;
  }

  private wasIssued(id: unknown): boolean {
    if (!Number.isInteger(id)) return false;
    const number = id as number;
    return number > 0 && number <= (this.hasWrapped ? this.maxId : this.lastId);
  }

  /** Whether a number was given later than another. Numbers start again from 1, and 0 is before all numbers. */
  private isAfter(id: number, lastId: number): boolean {
    const distance = ((id - lastId) & this.maxId) >>> 0;
    return lastId === 0 || (distance > 0 && distance <= this.maxId / 2);
  }

  private noticeSettled(call: Call, error: Error | undefined): void {
    if (!this.calls.has(call)) return;
    if (error === undefined) this.table.completed(call, undefined);
    // When a channel closes, it loses notices and requests together, in order, unless they were lost before.
    else if (!this.isLostWith(error)) {
      this.table.fail(call, writeError(call, error));
    }
  }

  private isLostWith(error: Error): boolean {
    const { isOpen } = this.output.ctx.channel;
    return error instanceof ChannelError && !isOpen && this.loss === undefined;
  }

  /** Observes a write, which can fail later. When the channel closes, all calls are lost together. */
  private watch(future: WriteFuture): void {
    if (future === this.watched) return;
    this.watched = future;
    future.onSettled((error) => {
      if (this.watched === future) this.watched = undefined;
      if (error === undefined || !this.output.ctx.channel.isOpen) return;
      for (const call of [...this.calls.values()]) {
        if (call.write === future) this.table.fail(call, writeError(call, error));
      }
    });
  }
}

function keyOf(call: Call): unknown {
  return call.expectsAnswer ? call.id : call;
}

/** Makes the error of a failed write. Only a message that cannot be encoded is a mistake of the call. */
function writeError(call: Call, error: Error): Error {
  if (!(error instanceof ChannelError)) return error;
  return requestLost('the request could not be written', call.mayHaveLeft, error);
}
