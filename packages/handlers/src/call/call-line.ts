import { ChannelError, type WriteFuture } from '@headrace/core';
import { callInContext, toError } from '@headrace/core/authoring';
import type { Call, CallCarrier } from './call.ts';
import { requestLost } from './call-error.ts';
import type { CallOutput } from './call-output.ts';
import type { CallTable } from './call-table.ts';

/** The messages that a protocol writes for calls. */
export interface CallWire {
  /** The message of a call whose id is set; a throw fails the call. */
  messageOf(call: Call): unknown;
  /** Makes the message that cancels a call; `undefined` if the protocol has none. */
  cancelOf(call: Call): unknown;
}

/** Options of a {@link CallLine}. */
export interface CallLineOptions {
  readonly wire: CallWire;
  /** The number of requests without their last answer. */
  readonly maxInFlight: number;
  /** The number after which ids begin; for tests. @default 0 */
  readonly lastId?: number;
  /** Called when a call is over. */
  readonly changed: () => void;
}

const MAX_ID = 0xffff_ffff;

/** The calls of a {@link CallTable} that are under way over one connection, by their ids. */
export class CallLine implements CallCarrier {
  /** True if it takes no more calls. */
  isPaused = false;
  private readonly table: CallTable;
  private readonly output: CallOutput;
  private readonly options: CallLineOptions;
  /** In the order in which they were sent; a notice has itself for a key. */
  private readonly calls = new Map<unknown, Call>();
  private noticeCount = 0;
  private lastId: number;
  /** Ids have begun again. */
  private hasWrapped = false;
  private lateCount = 0;
  private unknownCount = 0;
  /** The future that is watched: all writes of one flush have the same. */
  private watched: WriteFuture | undefined = undefined;
  /** Writes that have begun and not returned. */
  private writing = 0;
  private loss: { readonly why: string; readonly cause: unknown } | undefined = undefined;

  constructor(table: CallTable, output: CallOutput, options: CallLineOptions) {
    this.table = table;
    this.output = output;
    this.options = options;
    this.lastId = options.lastId ?? 0;
  }

  /** The number of requests without their last answer. */
  get load(): number {
    return this.calls.size - this.noticeCount;
  }

  /** True while a request, or a notice that the transport has not taken, is under way. */
  get isBusy(): boolean {
    return this.calls.size > 0;
  }

  /** The number of answers that came after their call was over. */
  get late(): number {
    return this.lateCount;
  }

  /** The number of answers without a call. */
  get unknown(): number {
    return this.unknownCount;
  }

  takes({ expectsAnswer }: Call): boolean {
    if (this.isPaused || this.loss !== undefined || !this.output.isWritable) return false;
    return !expectsAnswer || this.load < this.options.maxInFlight;
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

  /** The request of this id that is under way. */
  find(id: unknown): Call | undefined {
    return this.calls.get(id);
  }

  /** The request that an answer names; after its last answer it is not in flight. `undefined` is counted. */
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

  /** A failure of this message means that the peer is gone. */
  private cancel(call: Call): void {
    callInContext(this.output.ctx, () => {
      const message = this.options.wire.cancelOf(call);
      if (message !== undefined) this.output.write(message).onSettled(() => {});
    });
  }

  changed(): void {
    this.options.changed();
  }

  /** Ends the calls, because no answers can come any more. Notices go on as long as the channel is open. */
  lose(why: string, cause?: unknown): void {
    this.loss ??= { why, cause };
    this.loseAll();
  }

  /** Not within a write: only its future knows whether something has left. */
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

  /** A request without an id gets a number that no other one in flight has, and never 0. */
  private enter(call: Call): void {
    if (!call.expectsAnswer) this.noticeCount += 1;
    else call.id ??= this.nextId();
    this.calls.set(keyOf(call), call);
  }

  private nextId(): number {
    do {
      if (this.lastId === MAX_ID) {
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
    return number > 0 && (this.hasWrapped ? number <= MAX_ID : number <= this.lastId);
  }

  private noticeSettled(call: Call, error: Error | undefined): void {
    if (!this.calls.has(call)) return;
    if (error === undefined) this.table.completed(call, undefined);
    // A channel that closes loses it together with the requests, in their order; unless those were lost before.
    else if (!this.isLostWith(error)) {
      this.table.fail(call, writeError(call, error));
    }
  }

  private isLostWith(error: Error): boolean {
    const { isOpen } = this.output.ctx.channel;
    return error instanceof ChannelError && !isOpen && this.loss === undefined;
  }

  /** A write can fail later. When the channel closes, all calls are lost together. */
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

/** A message that cannot be encoded is a mistake of the call; any other failure is a lost connection. */
function writeError(call: Call, error: Error): Error {
  if (!(error instanceof ChannelError)) return error;
  return requestLost('the request could not be written', call.mayHaveLeft, error);
}
