import { toError, unpinned } from '@headrace/core/authoring';
import type { CallOutput } from '@headrace/handlers/call';
import {
  holdMessage,
  isItemSource,
  type RequestScope,
  Work,
  type WorkOwner,
  WorkTable,
} from '@headrace/handlers/call';
import { ItemReader } from '../items/item-reader.ts';
import { type ItemWindow, ItemWriter } from '../items/item-writer.ts';
import { AnswerWriter } from './answer-writer.ts';
import type { ExchangeAnswers } from './exchange-answers.ts';
import { answerOf, failureOf, itemsLost } from './exchange-error.ts';
import type {
  AnswerGather,
  ExchangeFailure,
  ExchangeFormat,
  ExchangeId,
  ExchangeTypes,
  StreamFormat,
} from './exchange-format.ts';

/** The second argument of the function that answers requests, after the request. */
export interface ExchangeScope<T extends ExchangeTypes = ExchangeTypes> extends RequestScope {
  /** Whether the caller needs an answer. False for a notice: the function's return value is dropped. */
  readonly wantsAnswer: boolean;
  /** Time that the caller will still wait, in milliseconds, `Infinity` if unknown. Use it for further calls. */
  readonly timeLeftMs: number;
  /** Whether the caller takes items. If so, return a generator or another async iterable. */
  readonly wantsItems: boolean;
  /**
   * The items that the caller sends, in order. Empty if the call has no items. The caller sends the first item when your function
   * asks for it. If `signal` aborts, the iteration fails with the signal's reason.
   */
  readonly items: AsyncIterable<T['result']>;
}

/** The items of one call of the peer. */
interface ServedStreams {
  readonly reader: ItemReader | undefined;
  readonly writer: ItemWriter | undefined;
}

const LEAVING = 'this end takes no more requests, because it ends the connection';

async function* noItems(): AsyncGenerator<never> {}

/** One request or notice of the peer. */
class ExchangeWork extends Work implements ExchangeScope {
  streams: ServedStreams | undefined = undefined;
  /** Collects the answer, if the request is part of a batch. */
  gather: AnswerGather | undefined = undefined;
  /** Whether the caller continues the stream by another call. */
  isResumable = false;

  get wantsAnswer(): boolean {
    return this.id !== undefined;
  }

  get timeLeftMs(): number {
    return Math.max(0, this.deadline - this.channel.clock.now());
  }

  get wantsItems(): boolean {
    return this.streams?.writer !== undefined;
  }

  get items(): AsyncIterable<unknown> {
    return this.streams?.reader ?? noItems();
  }

  override abort(reason?: unknown): void {
    if (this.streams !== undefined) this.stop(toError(reason));
    super.abort(reason);
  }

  /** Ends the peer's items and credit, because no input can arrive anymore. The function continues, and its answer is sent. */
  loseInput(): void {
    const { streams } = this;
    streams?.reader?.fail(itemsLost('no further items of this call can come'));
    streams?.writer?.loseCredit(itemsLost('its window for items is full, and cannot open again'));
  }

  /** Ends the items of both directions. */
  stop(reason?: Error): void {
    const { streams } = this;
    streams?.writer?.stop();
    if (reason === undefined) streams?.reader?.end();
    else streams?.reader?.fail(reason, true);
  }
}

/** Notes that the caller of a stream continues it by another call, so that a drain ends the stream instead of waiting for it. */
export function markResumable(scope: ExchangeScope): void {
  if (scope instanceof ExchangeWork) scope.isResumable = true;
}

/** @internal Settings of the answers of this end. */
export interface WorkerOptions {
  readonly format: ExchangeFormat;
  readonly handle: (request: never, scope: ExchangeScope) => unknown;
  readonly concurrency: number;
  readonly maxQueued: number;
  /** Maximum number of calls with items. Further calls are refused. */
  readonly maxStreams: number;
  /** Window of each stream that this end reads. */
  readonly window: ItemWindow;
}

/** @internal Runs the functions of the peer's calls over one channel, as the {@link WorkTable} allows, and writes the answers. */
export class ExchangeWorker implements WorkOwner<ExchangeWork>, ExchangeAnswers {
  readonly changed: () => void;
  private readonly isDraining: () => boolean;
  private readonly output: CallOutput;
  private readonly format: ExchangeFormat;
  private readonly writer: AnswerWriter;
  private readonly handle: WorkerOptions['handle'];
  private readonly table: WorkTable<ExchangeWork>;
  /**
   * Calls with items. These calls hold no reads, because reads bring the credit that lets the calls end. Calls with items do not
   * count in `concurrency`, because a subscription can last for days.
   */
  private readonly streams: WorkTable<ExchangeWork>;
  private readonly writers = new Set<ItemWriter>();
  private readonly window: ItemWindow;
  /** The last request that this end has taken, by the numbers of the peer. */
  private lastId = 0;
  private isLeaving = false;

  /** @param isDraining - returns true while a drain waits for this end */
  constructor(
    output: CallOutput,
    options: WorkerOptions,
    changed: () => void,
    isDraining: () => boolean,
  ) {
    const { format, handle, concurrency, maxQueued: maxWaiting, maxStreams, window } = options;
    this.output = output;
    this.format = format;
    this.writer = new AnswerWriter(output, format);
    this.handle = handle;
    this.changed = changed;
    this.isDraining = isDraining;
    // The number of functions and the limit of frames already bound the memory of bytes.
    const sizeOf = (body: unknown): number =>
      body instanceof Uint8Array ? 0 : (format.streams?.sizeOf(body) ?? 0);
    const limits = { concurrency, maxWaiting, holds: 'ExchangeHandler', sizeOf };
    this.table = new WorkTable(output.ctx, limits, this);
    const ofStreams = { concurrency: maxStreams, maxWaiting: 0, sizeOf };
    this.streams = new WorkTable(output.ctx, ofStreams, {
      begin: (work) => this.streams.run(work, (body, scope) => this.serve(body, scope)),
      succeeded: (work, answer) => this.succeeded(work, answer),
      failed: (work, error) => this.failed(work, error),
      expired: (work) => this.expired(work),
      changed,
    });
    this.window = window;
  }

  get unanswered(): number {
    return this.table.unanswered + this.streams.unanswered;
  }

  get running(): number {
    return this.table.running + this.streams.running;
  }

  request(id: ExchangeId, body: unknown, timeLeftMs: number, gather?: AnswerGather): boolean {
    if (this.find(id) !== undefined) return false;
    if (this.takes(id, gather)) this.take(id, body, timeLeftMs, gather);
    return true;
  }

  notification(body: unknown): void {
    this.take(undefined, body, Number.POSITIVE_INFINITY);
  }

  refused(why: string): void {
    this.writer.warn(this.output.ctx.channel, `refused a request: ${why}`);
  }

  cancel(id: ExchangeId): void {
    const work = this.find(id);
    if (work !== undefined) this.dismiss(work, 'cancelled');
  }

  // --- streams ---

  open(
    id: ExchangeId,
    body: unknown,
    timeLeftMs: number,
    window: ItemWindow | undefined,
    sendsItems: boolean,
  ): boolean {
    if (this.find(id) !== undefined) return false;
    if (this.isRepeated) this.writer.error({ id }, failureOf(this.format, 'lost'));
    else if (this.takes(id)) {
      // A stream can last for days, so it must not hold the memory of its read.
      const work = this.workOf(id, unpinned(body), timeLeftMs);
      work.streams = {
        reader: sendsItems ? this.readerOf(work) : undefined,
        writer: window === undefined ? undefined : this.writerOf(work, window),
      };
      if (this.streams.take(work)) {
        if (this.isDraining()) this.loseResumable();
        return true;
      }
      this.close(work);
      this.turnAway(work);
    }
    return true;
  }

  item(id: ExchangeId, item: unknown): boolean {
    const work = this.find(id);
    if (work === undefined) return true;
    return work.streams?.reader?.receive(item, this.messages.sizeOf(item)) === true;
  }

  inputEnd(id: ExchangeId): boolean {
    const work = this.find(id);
    if (work === undefined) return true;
    const reader = work.streams?.reader;
    reader?.end();
    return reader !== undefined;
  }

  credited(id: ExchangeId, taken: number): boolean {
    const work = this.find(id);
    if (work === undefined) return true;
    return work.streams?.writer?.acknowledge(taken) === true;
  }

  loseInput(): void {
    for (const work of this.streams.opened) work.loseInput();
  }

  resume(): void {
    for (const writer of this.writers) writer.resume();
  }

  loseResumable(): void {
    for (const work of this.streams.opened) if (work.isResumable) this.dismiss(work, 'lost');
  }

  leave(): void {
    const { format, output } = this;
    if (this.isLeaving || format.goAway === undefined) return;
    this.isLeaving = true;
    if (output.isOpen) output.write(format.goAway(this.lastId)).onSettled(() => {});
  }

  /** Notes that a request is taken. Refuses a request after {@link leave}, which its caller sends again elsewhere. */
  private takes(id: ExchangeId, gather?: AnswerGather): boolean {
    if (this.isLeaving)
      this.writer.error({ id, gather }, { ...failureOf(this.format, 'overloaded'), text: LEAVING });
    else if (typeof id === 'number') this.lastId = id;
    return !this.isLeaving;
  }

  /** Whether the current message was delivered before, to a process that was killed, so that the sent items are unknown. */
  private get isRepeated(): boolean {
    const hold = holdMessage(this.output.ctx.channel);
    hold?.release();
    return hold?.isRepeated === true;
  }

  private find(id: ExchangeId): ExchangeWork | undefined {
    return this.table.find(id) ?? this.streams.find(id);
  }

  private close(work: ExchangeWork): void {
    const { streams } = work;
    if (streams === undefined) this.table.close(work);
    else {
      this.streams.close(work);
      if (streams.writer !== undefined) this.writers.delete(streams.writer);
    }
  }

  private readerOf(work: ExchangeWork): ItemReader {
    const { output, messages, window } = this;
    const id = work.id!;
    return new ItemReader(window, {
      opened: () => void output.write(messages.window(id, window)),
      took: (count) => {
        if (work.isOpen) output.write(messages.credit(id, 'answerer', count));
      },
      left: () => {},
    });
  }

  private writerOf(work: ExchangeWork, window: ItemWindow): ItemWriter {
    const { messages } = this;
    const wire = {
      messageOf: (item: unknown) => messages.item(work.id!, 'answerer', item),
      sizeOf: (item: unknown) => messages.sizeOf(item),
    };
    const writer = new ItemWriter(this.output, wire, window);
    this.writers.add(writer);
    return writer;
  }

  /** Runs the function and sends its items. The function counts as running until its last item is written. */
  private async serve(body: never, work: ExchangeWork): Promise<unknown> {
    const answer = await this.handle(body, work);
    const writer = work.streams?.writer;
    if (writer === undefined || !isItemSource(answer)) return answer;
    await writer.send(answer);
    return undefined;
  }

  private get messages(): StreamFormat {
    return this.format.streams!;
  }

  private take(
    id: ExchangeId | undefined,
    body: unknown,
    timeLeftMs: number,
    gather?: AnswerGather,
  ): void {
    const work = this.workOf(id, body, timeLeftMs);
    work.gather = gather;
    if (!this.table.take(work)) this.turnAway(work);
    this.table.gateReads();
  }

  private workOf(id: ExchangeId | undefined, body: unknown, timeLeftMs: number): ExchangeWork {
    const { channel, clock } = this.output.ctx;
    const hasEnd = timeLeftMs !== Number.POSITIVE_INFINITY;
    return new ExchangeWork(channel, id, body, hasEnd ? clock.now() + timeLeftMs : timeLeftMs);
  }

  /**
   * Refuses a call with items above `maxStreams`, or another request or notice. Another request or notice is refused only if
   * earlier handlers deliver messages although reads are held.
   */
  private turnAway(work: ExchangeWork): void {
    const { id, channel } = work;
    if (id !== undefined) this.writer.error(work, failureOf(this.format, 'overloaded'));
    else this.writer.warn(channel, 'dropped a notice: too many requests wait');
  }

  // --- as the owner of the table ---

  begin(work: ExchangeWork): void {
    this.table.run(work, this.handle);
  }

  succeeded(work: ExchangeWork, answer: unknown): void {
    this.close(work);
    work.stop();
    if (work.id === undefined) return;
    try {
      const error = this.writer.write(work, this.format.response?.(work.id, answer));
      if (error !== undefined) this.answerFailure(work, error);
    } catch (thrown) {
      this.answerFailure(work, toError(thrown));
    }
  }

  failed(work: ExchangeWork, error: Error): void {
    this.close(work);
    work.stop();
    this.answerFailure(work, error);
  }

  expired(work: ExchangeWork): void {
    this.dismiss(work, 'too-late');
  }

  /**
   * Answers a failed request. The peer receives the code and text of a `refusal`. Any other error is logged, and the peer
   * receives the code for `failed`.
   */
  private answerFailure(work: ExchangeWork, error: Error): void {
    const { id, channel } = work;
    const answer = answerOf(error);
    if (answer === undefined || id === undefined) {
      const what = id === undefined ? 'a notification' : 'a request';
      this.writer.warn(channel, `failed ${what}: ${error.message}`, error);
    }
    if (id !== undefined) this.writer.error(work, answer ?? failureOf(this.format, 'failed'));
  }

  /** Answers a request that was cancelled, is late, or continues elsewhere, and aborts the signal of its function. */
  private dismiss(work: ExchangeWork, failure: ExchangeFailure): void {
    this.close(work);
    const answer = failureOf(this.format, failure);
    if (work.id !== undefined) this.writer.error(work, answer);
    work.abort(new Error(answer.text));
    this.changed();
  }

  // --- the end ---

  abandon(): void {
    const reason = new Error('the channel is closed');
    this.table.abandon(reason);
    this.streams.abandon(reason);
    this.writers.clear();
  }

  release(): void {
    this.table.release();
  }
}
