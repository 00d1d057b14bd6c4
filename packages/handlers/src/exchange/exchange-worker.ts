import type { Channel } from '@headrace/core';
import { isPromiseLike, ReadGate, toError } from '@headrace/core/authoring';
import { encodeErrorOf } from '../routing/encode-error.ts';
import { LazyRequestScope, type RequestScope } from '../routing/request-scope.ts';
import type { DeadlineEntry } from './deadline-heap.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { answerOf, type ErrorAnswer, failureOf } from './exchange-error.ts';
import type { ExchangeFailure, ExchangeFormat, ExchangeId } from './exchange-format.ts';
import type { ExchangeOutput } from './exchange-output.ts';
import { type TableWork, WorkTable } from './work-table.ts';

/** What the function that answers requests gets beside the request. */
export interface ExchangeScope extends RequestScope {
  /** False for a notification: what the function returns is dropped. */
  readonly wantsAnswer: boolean;
  /** How long the caller will still wait, `Infinity` if it did not say: for calls that this one needs in turn. */
  readonly timeLeftMs: number;
}

/** One request or notification of the peer's. */
class Work extends LazyRequestScope implements ExchangeScope, TableWork, DeadlineEntry {
  readonly key: unknown;
  readonly id: ExchangeId | undefined;
  readonly body: unknown;
  readonly deadline: number;
  heapIndex = -1;
  state: TableWork['state'] = 'waiting';
  /** It was answered, or needs no answer any more. */
  isAnswered = false;

  constructor(channel: Channel, id: ExchangeId | undefined, body: unknown, deadline: number) {
    super(channel);
    this.id = id;
    this.key = id ?? this;
    this.body = body;
    this.deadline = deadline;
  }

  get wantsAnswer(): boolean {
    return this.id !== undefined;
  }

  get timeLeftMs(): number {
    return Math.max(0, this.deadline - this.channel.clock.now());
  }
}

/** What the answers of this end need. */
export interface WorkerOptions {
  readonly format: ExchangeFormat;
  readonly handle: ((request: unknown, scope: ExchangeScope) => unknown) | undefined;
  readonly concurrency: number;
  readonly maxQueued: number;
}

/** The peer's calls over one channel: runs their functions as the {@link WorkTable} says, and writes the answers. */
export class ExchangeWorker {
  private readonly output: ExchangeOutput;
  private readonly format: ExchangeFormat;
  private readonly handle: WorkerOptions['handle'];
  private readonly table: WorkTable<Work>;
  private readonly deadlines: DeadlineTimer<Work>;
  private readonly gate = new ReadGate('ExchangeHandler');
  private readonly becameIdle: () => void;
  private isOver = false;

  constructor(output: ExchangeOutput, options: WorkerOptions, becameIdle: () => void) {
    this.output = output;
    this.format = options.format;
    this.handle = options.handle;
    const { concurrency, maxQueued } = options;
    this.table = new WorkTable({ concurrency, maxWaiting: maxQueued });
    this.deadlines = new DeadlineTimer((work) => this.dismiss(work, 'too-late'));
    this.becameIdle = becameIdle;
  }

  get counts(): Pick<WorkTable<Work>, 'running' | 'unanswered'> {
    return this.table;
  }

  get isBusy(): boolean {
    return this.table.unanswered > 0;
  }

  // --- what comes in ---

  /** False if the id is in use. */
  request(id: ExchangeId, body: unknown, timeLeftMs: number): boolean {
    if (this.table.find(id) !== undefined) return false;
    if (this.handle === undefined) this.writeError(id, failureOf(this.format, 'unknown'));
    else this.take(id, body, timeLeftMs);
    return true;
  }

  notification(body: unknown): void {
    if (this.handle !== undefined) this.take(undefined, body, Number.POSITIVE_INFINITY);
  }

  /** The peer does not wait any more: it is answered all the same, because its protocol may want an answer to each. */
  cancel(id: ExchangeId): void {
    const work = this.table.find(id);
    if (work !== undefined) this.dismiss(work, 'cancelled');
  }

  private take(id: ExchangeId | undefined, body: unknown, timeLeftMs: number): void {
    const { table, output } = this;
    const { channel, clock } = output.ctx;
    const hasEnd = timeLeftMs !== Number.POSITIVE_INFINITY;
    const work = new Work(channel, id, body, hasEnd ? clock.now() + timeLeftMs : timeLeftMs);
    const admission = table.admit(work);
    if (admission === 'begin') this.begin(work);
    else if (admission === 'wait') this.deadlines.add(clock, work);
    else this.turnAway(work);
    if (table.isFull) this.gate.hold(channel);
  }

  /** Only where handlers before this one bring more although reads are held. */
  private turnAway({ id, channel }: Work): void {
    if (id !== undefined) this.writeError(id, failureOf(this.format, 'overloaded'));
    else channel.logger.log('warn', `${channel} dropped a notification: too many requests wait`);
  }

  // --- work ---

  private begin(work: Work): void {
    let result: unknown;
    try {
      result = this.handle!(work.body, work);
    } catch (thrown) {
      this.failed(work, toError(thrown));
      return;
    }
    if (!isPromiseLike(result)) {
      this.succeeded(work, result);
      return;
    }
    if (this.isOver) work.abort();
    else if (!work.isAnswered) this.await(work);
    result.then(
      (answer) => {
        this.succeeded(work, answer);
        this.goOn();
      },
      (thrown) => {
        this.failed(work, toError(thrown));
        this.goOn();
      },
    );
  }

  private await(work: Work): void {
    this.table.promised(work);
    if (work.heapIndex === -1) this.deadlines.add(this.output.ctx.clock, work);
  }

  /** A function has settled: others may begin, and more may be read. */
  private goOn(): void {
    if (this.isOver) return;
    for (let next = this.table.next(); next !== undefined; next = this.table.next()) {
      this.begin(next);
    }
    if (!this.isBusy) this.becameIdle();
    if (!this.table.isFull) this.gate.release();
  }

  private succeeded(work: Work, answer: unknown): void {
    const needsAnswer = this.settle(work);
    if (!needsAnswer || work.id === undefined) return;
    try {
      const future = this.output.write(this.format.response(work.id, answer));
      const error = encodeErrorOf(work.channel, future);
      if (error !== undefined) this.answerFailure(work, error);
    } catch (thrown) {
      this.answerFailure(work, toError(thrown));
    }
  }

  private failed(work: Work, error: Error): void {
    if (this.settle(work)) this.answerFailure(work, error);
  }

  /** True if the peer still waits for an answer. */
  private settle(work: Work): boolean {
    const needsAnswer = !work.isAnswered && !this.isOver;
    work.isAnswered = true;
    this.deadlines.remove(work);
    this.table.settled(work);
    return needsAnswer;
  }

  /** The peer gets what was meant for it; anything else is for the log. */
  private answerFailure({ id, channel }: Work, error: Error): void {
    const answer = answerOf(error);
    if (answer === undefined || id === undefined) {
      const what = id === undefined ? 'a notification' : 'a request';
      channel.logger.log('warn', `${channel} failed ${what}: ${error.message}`, error);
    }
    if (id !== undefined) this.writeError(id, answer ?? failureOf(this.format, 'failed'));
  }

  /** Cancelled, or its time is over: answers, and tells the function. */
  private dismiss(work: Work, failure: ExchangeFailure): void {
    const { id } = work;
    work.isAnswered = true;
    this.deadlines.remove(work);
    this.table.answered(work);
    const answer = failureOf(this.format, failure);
    if (id !== undefined) this.writeError(id, answer);
    work.abort(new Error(answer.text));
    if (!this.isBusy) this.becameIdle();
  }

  /** An error that the format cannot write, because its code or data has no place there, is a plain failure. */
  private writeError(id: ExchangeId, { code, text, data }: ErrorAnswer): void {
    const { output, format } = this;
    try {
      const future = output.write(format.error(id, code, text, data));
      if (encodeErrorOf(output.ctx.channel, future) === undefined) return;
    } catch {}
    const plain = failureOf(format, 'failed');
    output.write(format.error(id, plain.code, plain.text));
  }

  // --- the end ---

  /** Nobody waits for answers any more. */
  abandon(): void {
    this.isOver = true;
    this.deadlines.clear();
    for (const work of this.table.takeAll()) {
      work.isAnswered = true;
      work.abort(new Error('the channel is closed'));
    }
    this.becameIdle();
  }

  /** The handler is removed. */
  release(): void {
    this.gate.release();
  }
}
