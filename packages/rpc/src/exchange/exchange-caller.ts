import {
  type ChannelError,
  EncodeError,
  PipelineError,
  TimedOutError,
  type WriteFuture,
} from '@headrace/core';
import {
  callInContext,
  DeadlineList,
  type ItemSource,
  releaseSource,
  SettableFuture,
  toError,
} from '@headrace/core/authoring';
import type { CallOutput } from '@headrace/handlers/call';
import { Call, CallLine, CallTable, requestAborted, requestLost } from '@headrace/handlers/call';
import { ItemReader } from '../items/item-reader.ts';
import { type ItemWindow, ItemWriter } from '../items/item-writer.ts';
import { refusedByPeer } from './exchange-error.ts';
import type { ExchangeFormat, ExchangeId, StreamFormat } from './exchange-format.ts';
import { StreamCall } from './stream-call.ts';

export interface CallerOptions {
  readonly format: ExchangeFormat;
  readonly maxInFlight: number;
  readonly maxQueued: number;
  /** Window of each stream that this end reads. */
  readonly window: ItemWindow;
}

export interface CallSettings {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly input?: ItemSource | undefined;
}

/** The calls of this end over one channel. They are promises and futures around a table with one line. */
export class ExchangeCaller {
  private readonly output: CallOutput;
  private readonly format: ExchangeFormat;
  private readonly table: CallTable;
  private readonly line: CallLine;
  private readonly window: ItemWindow;
  /** Deadlines of the readers that wait for an item. */
  private readonly waits: DeadlineList<ItemReader>;
  private readonly writers = new Set<ItemWriter>();
  /** Reason why the peer takes no more calls, although answers can still arrive. */
  private leaving: { readonly why: string; readonly cause?: unknown } | undefined = undefined;
  /** Reason why answers cannot arrive anymore. */
  private lost: { readonly why: string; readonly cause: unknown } | undefined = undefined;

  constructor(output: CallOutput, options: CallerOptions, changed: () => void) {
    const { format, maxInFlight, window } = options;
    this.output = output;
    this.format = format;
    this.window = window;
    this.waits = new DeadlineList(output.ctx.clock, (reader) =>
      callInContext(output.ctx, () => reader.expire()),
    );
    this.table = new CallTable(output.ctx.clock, options);
    const wire = {
      messageOf: (call: Call) => this.messageOf(call),
      cancelOf: ({ id }: Call) => format.cancel?.(id as number),
    };
    const maxId = 2 ** (format.idBits ?? 32) - 1;
    this.line = new CallLine(this.table, output, { wire, maxInFlight, maxId, changed });
    this.table.add(this.line);
  }

  get isReady(): boolean {
    return this.lost === undefined && this.leaving === undefined && this.output.isOpen;
  }

  get inFlight(): number {
    return this.line.load;
  }

  get queued(): number {
    return this.table.queued;
  }

  get lateAnswers(): number {
    return this.line.late;
  }

  get unknownAnswers(): number {
    return this.line.unknown;
  }

  get isBusy(): boolean {
    return this.line.isBusy || this.table.queued > 0;
  }

  request(body: unknown, settings: CallSettings): Promise<unknown> {
    const { timeoutMs, signal, input } = settings;
    const refusal = this.refusalOf(signal);
    if (refusal !== undefined) {
      void releaseSource(input);
      return Promise.reject(refusal);
    }
    return new Promise((resolve, reject) => {
      if (input !== undefined) this.submitWithInput(body, settings, resolve, reject);
      else this.table.submit(new Call(body, timeoutMs, resolve, reject), signal);
    });
  }

  /** Requests items. The reader receives the errors of the call. */
  stream(body: unknown, settings: CallSettings, itemTimeoutMs: number): ItemReader {
    const { timeoutMs, signal, input } = settings;
    const { clock } = this.output.ctx;
    const call = new StreamCall(
      body,
      timeoutMs,
      (result) => this.streamAnswered(call, result),
      (error) => this.streamOver(call, error),
    );
    const reader = new ItemReader(this.window, {
      took: (count) => this.credit(call, count),
      waits: (reader) => {
        reader.deadline = clock.now() + itemTimeoutMs;
        this.waits.add(reader);
      },
      waitsNoMore: (reader) => this.waits.remove(reader),
      expired: () => this.table.fail(call, itemTimedOut(itemTimeoutMs, call.mayHaveLeft)),
      left: () => {
        this.streamOver(call);
        this.table.drop(call);
      },
    });
    call.streams = { reader, window: this.window, input, writer: this.writerOf(call, input) };
    const refusal = this.refusalOf(signal);
    if (refusal !== undefined) this.streamOver(call, refusal);
    else this.table.submit(call, signal);
    return reader;
  }

  /** Returns the error that prevents a call now, if any. */
  private refusalOf(signal: AbortSignal | undefined): ChannelError | undefined {
    if (signal?.aborted === true) return requestAborted(signal, false);
    return this.output.isOver || (this.lost ?? this.leaving) !== undefined
      ? this.lostError()
      : undefined;
  }

  notify(body: unknown): WriteFuture {
    const { output, table } = this;
    const { ctx } = output;
    // A notice waits only behind other messages, or for the connection. A waiting notice needs a future of its own.
    if (table.queued === 0 && (output.isOpen || output.isOver)) return this.writeNotice(body);
    const notice = new SettableFuture();
    const failed = (error: Error): void => {
      if (call.mayHaveLeft) notice.handOver();
      notice.fail(error);
      ctx.reportFailure(notice, error);
    };
    const call = new Call(body, Number.POSITIVE_INFINITY, () => notice.succeed(), failed, false);
    table.submit(call);
    return notice;
  }

  /** Resumes sending, when the channel is connected or writable, or the line has room again. */
  sendQueued(): void {
    this.table.sendQueued();
    for (const writer of this.writers) writer.resume();
  }

  answered(id: unknown, result: unknown): void {
    const call = this.line.answered(id);
    if (call !== undefined) this.table.completed(call, result);
  }

  refused(id: unknown, code: number, text: string, data: unknown): void {
    const call = this.line.answered(id);
    if (call === undefined) return;
    const isLost = call instanceof StreamCall && code === this.format.codes?.lost;
    this.table.fail(call, isLost ? requestLost(text, true) : refusedByPeer(code, text, data));
  }

  // --- streams: each method returns false for a message that the call does not allow; late messages are dropped ---

  item(id: ExchangeId, item: unknown): boolean {
    const call = this.line.answered(id, false);
    if (call === undefined) return true;
    const reader = call instanceof StreamCall ? call.streams!.reader : undefined;
    return reader?.receive(item, this.format.streams!.sizeOf(item)) === true;
  }

  /** Acknowledges items of this end that the answerer has read. */
  credited(id: ExchangeId, taken: number): boolean {
    return this.writerFor(id, (writer) => writer.acknowledge(taken));
  }

  /** Sets the answerer's window for items of this end. */
  windowOpened(id: ExchangeId, window: ItemWindow): boolean {
    return this.writerFor(id, (writer) => writer.open(window));
  }

  private writerFor(id: ExchangeId, tell: (writer: ItemWriter) => boolean): boolean {
    const call = this.line.find(id);
    if (call === undefined) return true;
    const writer = call instanceof StreamCall ? call.streams!.writer : undefined;
    return writer !== undefined && tell(writer);
  }

  private submitWithInput(
    body: unknown,
    { timeoutMs, signal, input }: CallSettings,
    resolve: (result: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    const call: StreamCall = new StreamCall(
      body,
      timeoutMs,
      (result) => {
        this.streamOver(call);
        resolve(result);
      },
      (error) => {
        this.streamOver(call, error);
        reject(error);
      },
    );
    const writer = this.writerOf(call, input);
    call.streams = { reader: undefined, window: undefined, input, writer };
    this.table.submit(call, signal);
  }

  private writerOf(call: StreamCall, input: ItemSource | undefined): ItemWriter | undefined {
    if (input === undefined) return undefined;
    const writer = new ItemWriter(this.output, {
      messageOf: (item) => this.messages.item(call.id!, 'caller', item),
      sizeOf: (item) => this.messages.sizeOf(item),
    });
    this.writers.add(writer);
    writer.send(input).then(
      () => this.inputEnded(call),
      (thrown) => this.table.fail(call, toError(thrown)),
    );
    return writer;
  }

  private inputEnded(call: StreamCall): void {
    if (call.isOpen && this.output.isOpen)
      this.output.write(this.messages.inputEnd(call.id as number));
  }

  private credit(call: StreamCall, taken: number): void {
    if (call.isOpen && this.output.isOpen) {
      this.output.write(this.messages.credit(call.id!, 'caller', taken));
    }
  }

  private streamAnswered(call: StreamCall, result: unknown): void {
    const { reader } = call.streams!;
    if (this.messages.isItem(result)) reader!.receiveOnly(result);
    this.streamOver(call);
  }

  private streamOver(call: StreamCall, error?: Error): void {
    const { writer } = call.streams!;
    if (writer !== undefined) this.writers.delete(writer);
    call.stop(error);
  }

  private get messages(): StreamFormat {
    const { streams } = this.format;
    if (streams !== undefined) return streams;
    throw new PipelineError('PIPELINE_STATE', 'the format of this ExchangeHandler has no streams');
  }

  /** Fails the calls after `lastId` and all later calls as not sent, because the peer takes no more calls. */
  peerLeaves(lastId: number): void {
    if (this.leaving !== undefined) return;
    const why = 'the peer is about to end the connection, and has not taken the request';
    this.leaving = { why };
    this.line.leave(lastId, why);
    this.loseQueued();
  }

  /** Fails all calls now, and all later calls, because no answer can arrive anymore. */
  lose(why: string, cause?: unknown): void {
    if (this.lost !== undefined) return;
    this.lost = { why, cause };
    this.line.lose(why, cause);
    this.loseQueued();
  }

  /** Fails queued calls, which cannot be sent anymore. Calls in flight can still be answered. */
  loseQueued(): void {
    this.table.failQueued(() => this.lostError());
  }

  private messageOf(call: Call): unknown {
    const { id, body, deadline, expectsAnswer } = call;
    call.body = undefined;
    if (!expectsAnswer) return noticeOf(this.format, body);
    const isEndless = deadline === Number.POSITIVE_INFINITY;
    const leftMs = isEndless ? deadline : Math.ceil(deadline - this.output.ctx.clock.now());
    const timeLeftMs = Math.max(1, leftMs);
    if (!(call instanceof StreamCall)) return this.format.request(id as number, body, timeLeftMs);
    const { window, input } = call.streams!;
    return this.messages.open(id as number, body, timeLeftMs, window, input !== undefined);
  }

  private writeNotice(body: unknown): WriteFuture {
    try {
      return this.output.write(noticeOf(this.format, body));
    } catch (thrown) {
      const error = toError(thrown);
      const future = SettableFuture.failed(error);
      this.output.ctx.reportFailure(future, error);
      return future;
    }
  }

  private lostError(): ChannelError {
    const { why = 'the channel takes no more output', cause } = this.lost ?? this.leaving ?? {};
    return requestLost(why, false, cause);
  }
}

function noticeOf(format: ExchangeFormat, body: unknown): unknown {
  const notice = format.notification?.(body);
  if (notice !== undefined) return notice;
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'the format has no message for this notice');
}

/** Makes the error of a stream whose reader waited too long for an item. */
function itemTimedOut(timeoutMs: number, sent: boolean): TimedOutError {
  const text = `no item of the stream within ${timeoutMs} ms (itemTimeoutMs)`;
  return new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs, sent });
}
