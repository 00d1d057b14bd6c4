import { callInContext, toError } from '@headrace/core/authoring';
import type { CallOutput } from '../call/call-output.ts';
import { encodeErrorOf } from '../call/encode-error.ts';
import { type RequestScope, Work } from '../call/work.ts';
import { type WorkOwner, WorkTable } from '../call/work-table.ts';
import { answerOf, type ErrorAnswer, failureOf } from './exchange-error.ts';
import type { ExchangeFailure, ExchangeFormat, ExchangeId } from './exchange-format.ts';

/** The second argument of the function that answers requests, after the request. */
export interface ExchangeScope extends RequestScope {
  /** False for a notification: what the function returns is dropped. */
  readonly wantsAnswer: boolean;
  /** How long the caller will still wait, `Infinity` if it did not say: for calls that this one needs in turn. */
  readonly timeLeftMs: number;
}

/** One request or notification of the peer's. */
class ExchangeWork extends Work implements ExchangeScope {
  get wantsAnswer(): boolean {
    return this.id !== undefined;
  }

  get timeLeftMs(): number {
    return Math.max(0, this.deadline - this.channel.clock.now());
  }
}

/** Settings of the answers that this end gives. */
export interface WorkerOptions {
  readonly format: ExchangeFormat;
  readonly handle: ((request: never, scope: ExchangeScope) => unknown) | undefined;
  readonly concurrency: number;
  readonly maxQueued: number;
}

/** The peer's calls over one channel: runs their functions as the {@link WorkTable} says, and writes the answers. */
export class ExchangeWorker implements WorkOwner<ExchangeWork> {
  readonly changed: () => void;
  private readonly output: CallOutput;
  private readonly format: ExchangeFormat;
  private readonly handle: WorkerOptions['handle'];
  private readonly table: WorkTable<ExchangeWork>;

  constructor(output: CallOutput, options: WorkerOptions, changed: () => void) {
    const { format, handle, concurrency, maxQueued: maxWaiting } = options;
    this.output = output;
    this.format = format;
    this.handle = handle;
    this.changed = changed;
    const limits = { concurrency, maxWaiting, holds: 'ExchangeHandler' };
    this.table = new WorkTable(output.ctx, limits, this);
  }

  get unanswered(): number {
    return this.table.unanswered;
  }

  get running(): number {
    return this.table.running;
  }

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

  /** A cancelled request is answered all the same: its protocol may want an answer to each. */
  cancel(id: ExchangeId): void {
    const work = this.table.find(id);
    if (work !== undefined) this.dismiss(work, 'cancelled');
  }

  private take(id: ExchangeId | undefined, body: unknown, timeLeftMs: number): void {
    const { channel, clock } = this.output.ctx;
    const hasEnd = timeLeftMs !== Number.POSITIVE_INFINITY;
    const deadline = hasEnd ? clock.now() + timeLeftMs : timeLeftMs;
    const work = new ExchangeWork(channel, id, body, deadline);
    if (!this.table.take(work)) this.turnAway(work);
    this.table.gateReads();
  }

  /** Only where handlers before this one bring more although reads are held. */
  private turnAway({ id, channel }: ExchangeWork): void {
    if (id !== undefined) this.writeError(id, failureOf(this.format, 'overloaded'));
    else channel.logger.log('warn', `${channel} dropped a notification: too many requests wait`);
  }

  // --- as the owner of the table ---

  begin(work: ExchangeWork): void {
    this.table.run(work, this.handle!);
  }

  succeeded(work: ExchangeWork, answer: unknown): void {
    this.table.close(work);
    if (work.id === undefined) return;
    try {
      const future = this.output.write(this.format.response(work.id, answer));
      const error = encodeErrorOf(work.channel, future);
      if (error !== undefined) this.answerFailure(work, error);
    } catch (thrown) {
      this.answerFailure(work, toError(thrown));
    }
  }

  failed(work: ExchangeWork, error: Error): void {
    this.table.close(work);
    this.answerFailure(work, error);
  }

  expired(work: ExchangeWork): void {
    this.dismiss(work, 'too-late');
  }

  /** The peer gets what was meant for it; any other error is for the log. */
  private answerFailure({ id, channel }: ExchangeWork, error: Error): void {
    const answer = answerOf(error);
    if (answer === undefined || id === undefined) {
      const what = id === undefined ? 'a notification' : 'a request';
      channel.logger.log('warn', `${channel} failed ${what}: ${error.message}`, error);
    }
    if (id !== undefined) this.writeError(id, answer ?? failureOf(this.format, 'failed'));
  }

  /** Cancelled, or its time is over: answers, and aborts the signal of the function. */
  private dismiss(work: ExchangeWork, failure: ExchangeFailure): void {
    this.table.close(work);
    const answer = failureOf(this.format, failure);
    if (work.id !== undefined) this.writeError(work.id, answer);
    work.abort(new Error(answer.text));
    this.changed();
  }

  /** An error that the format cannot write, because its code or data has no place there, is a plain failure. */
  private writeError(id: ExchangeId, { code, text, data }: ErrorAnswer): void {
    const { output, format } = this;
    try {
      const future = output.write(format.error(id, code, text, data));
      if (encodeErrorOf(output.ctx.channel, future) === undefined) return;
    } catch {}
    const plain = failureOf(format, 'failed');
    callInContext(output.ctx, () => void output.write(format.error(id, plain.code, plain.text)));
  }

  // --- the end ---

  /** No answer can be sent any more. */
  abandon(): void {
    this.table.abandon(new Error('the channel is closed'));
  }

  /** The handler is removed. */
  release(): void {
    this.table.release();
  }
}
