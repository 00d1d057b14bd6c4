import { type Context, type Handler, TimedOutError, type Types } from '@headrace/core';
import {
  choice,
  DrainGate,
  describeOptions,
  Fifo,
  fn,
  isStreamSource,
  observeSource,
  releaseSource,
  time,
  toError,
  unpinned,
  whole,
} from '@headrace/core/authoring';
import { encodeErrorOf } from '../call/encode-error.ts';
import { endUnanswered } from '../call/end-unanswered.ts';
import { type RequestScope, Work } from '../call/work.ts';
import { type WorkLimits, type WorkOwner, WorkTable } from '../call/work-table.ts';
import { StreamWriteHandler } from '../flow/stream-write-handler.ts';

/** Options of a {@link RequestHandler}. */
export interface RequestOptions<Request, Response> {
  /**
   * Answers a request, at once or later, or returns `undefined` for no answer. With a `StreamWriteHandler` in the pipeline, an
   * answer may be a `Readable` or another async iterable.
   */
  readonly handle: (
    request: Request,
    scope: RequestScope,
  ) => Response | undefined | PromiseLike<Response | undefined>;
  /**
   * Makes an answer from a failure of `handle`, or from a failure to encode its result. Without this function, the failure is an
   * error of this handler, and the channel ends after the answers to earlier requests, because the peer would take a later answer
   * for the missing one. A channel of datagrams stays open.
   */
  readonly answerError?: (error: Error, request: Request) => Response | undefined;
  /**
   * The order of the answers. `request` keeps the order of the requests. `completion` writes each answer when it is ready, for
   * protocols whose answers name their request, so that a fast answer does not wait for an earlier slow answer.
   * @default 'request'
   */
  readonly order?: 'request' | 'completion';
  /** Maximum number of requests of one channel that are processed at the same time. @default 1 */
  readonly concurrency?: number;
  /** Maximum number of requests of one channel that wait or are processed. At this number, reads are held. @default 64 */
  readonly maxPending?: number;
  /**
   * Maximum time from the call of `handle` to its answer, in milliseconds. Then the request fails with `TIMEOUT_REQUEST`. `false`
   * means no limit.
   * @default false
   */
  readonly timeoutMs?: number | false;
}

class RequestWork<Request> extends Work {
  declare readonly body: Request;
  isDone = false;
  response: unknown = undefined;
  /** The error for which there is no answer. */
  failure: Error | undefined = undefined;
}

const OPTIONS = describeOptions('RequestHandler', {
  handle: fn({ answers: 'async', required: true, purpose: 'answers a request' }),
  answerError: fn({ answers: 'sync', takes: 2, purpose: 'makes an answer of a failure' }),
  order: choice(['request', 'completion'], { default: 'request' }),
  concurrency: whole({ min: 1, default: 1 }),
  maxPending: whole({ min: 1, default: 64 }),
  timeoutMs: time({ default: false }),
});

const CURE = 'give RequestHandler the option answerError, which makes an answer of a failure';

/**
 * Answers each request with the result of a function or of its promise, in the order of the requests or of completion.
 *
 * ```text
 *  wire | frame | codec | [request → response]
 * ```
 *
 * - **Place** Last.
 * - **In** Requests.
 * - **Out** Nothing. It writes the responses, and flushes responses that are ready together once.
 * - **Events** Forwards all. After a `DrainEvent`, the channel ends only when all received requests are answered.
 * - **Errors** The error that the function throws or rejects with, and `TIMEOUT_REQUEST`, unless `answerError` makes an answer
 *   from it. After such an error, or an answer that cannot be encoded, the channel ends with a warning that names the cure.
 * - **State** One channel: its pending requests, at most `maxPending` if the decoders before it stop while reads are held.
 * - **Cost** An object per request, an `AbortController` if the function uses the signal, a promise if the function makes one.
 * - **Pitfalls** With `concurrency` above 1, a request may run before the change of its predecessor is complete. Only the answers
 *   keep their order.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { RequestHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(
 *   new RequestHandler<string, string>({ handle: (name) => `hello ${name}` }),
 * );
 * channel.writeInbound('ann', 'bob');
 * console.log(channel.readOutbound(), channel.readOutbound());
 * // prints hello ann hello bob
 * ```
 */
export class RequestHandler<Request, Response> implements Handler {
  declare readonly types: Types<{ reads: Request; passesOn: never; writes: Response }>;
  private readonly handle: RequestOptions<unknown, unknown>['handle'];
  private readonly answerError: RequestOptions<unknown, unknown>['answerError'];
  private readonly isOrdered: boolean;
  private readonly limits: WorkLimits;
  private readonly timeoutMs: number;
  /** The unanswered requests. The table exists from `handlerAdded` on. */
  private table: WorkTable<RequestWork<Request>> | undefined = undefined;
  /** The requests that are done and not answered yet, with the order `completion`. */
  private readonly ready = new Fifo<RequestWork<Request>>();
  private isAnswering = false;
  private readonly drain = new DrainGate('requests', () => (this.table?.unanswered ?? 0) > 0);

  constructor(options: RequestOptions<Request, Response>) {
    const given = options as RequestOptions<unknown, unknown>;
    const resolved = OPTIONS.resolve(given);
    const { order, concurrency, maxPending: maxOpen, timeoutMs } = resolved;
    this.handle = resolved.handle;
    this.answerError = resolved.answerError;
    this.isOrdered = order === 'request';
    const maxWaiting = Number.POSITIVE_INFINITY;
    this.limits = { concurrency, maxWaiting, maxOpen, holds: 'RequestHandler' };
    this.timeoutMs = timeoutMs;
  }

  handlerAdded(ctx: Context): void {
    this.table = new WorkTable(ctx, this.limits, this.owner(ctx));
  }

  channelRead(ctx: Context, request: Request): void {
    this.table!.take(new RequestWork(ctx.channel, undefined, request));
    this.answer(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    this.drain.see(event);
    ctx.fireUserEventTriggered(event);
  }

  channelInactive(ctx: Context): void {
    this.abandon();
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.abandon();
    this.table?.release();
  }

  /** Ends the requests. An answer that is ready and waits for its turn is not sent any more. */
  private abandon(): void {
    for (const { response } of this.table?.opened ?? []) void releaseSource(response);
    this.ready.clear();
    this.table?.abandon();
  }

  private owner(ctx: Context): WorkOwner<RequestWork<Request>> {
    const { handle } = this;
    return {
      begin: (work) => {
        const table = this.table!;
        table.enter(work);
        if (this.timeoutMs !== Number.POSITIVE_INFINITY) {
          work.deadline = ctx.clock.now() + this.timeoutMs;
        }
        table.run(work, handle);
      },
      succeeded: (work, response) => this.finish(work, response),
      failed: (work, error) => this.fail(work, error),
      takesStream: (answer) =>
        isStreamSource(answer) && ctx.pipeline.get(StreamWriteHandler) !== undefined,
      expired: (work) => this.expired(work),
      changed: () => this.answer(ctx),
    };
  }

  private finish(work: RequestWork<Request>, response: unknown): void {
    work.isDone = true;
    observeSource(response);
    const mustWait = this.isOrdered && this.table!.first !== work;
    work.response = mustWait ? unpinned(response) : response;
    if (!this.isOrdered) this.ready.push(work);
  }

  private fail(work: RequestWork<Request>, error: Error): void {
    const [response, unanswered] = this.answerOf(error, work.body);
    work.failure = unanswered;
    this.finish(work, response);
  }

  /** Returns the answer to a failure, or the error that remains to be reported. */
  private answerOf(
    error: Error,
    request: Request,
  ): [answer: unknown, unanswered: Error | undefined] {
    const { answerError } = this;
    if (answerError === undefined) return [undefined, error];
    try {
      return [answerError(error, request), undefined];
    } catch (thrown) {
      return [undefined, toError(thrown)];
    }
  }

  /** Answers a request whose time is over. The result of its function does not count any more. */
  private expired(work: RequestWork<Request>): void {
    const { timeoutMs } = this;
    const error = new TimedOutError('TIMEOUT_REQUEST', `no answer within ${timeoutMs} ms`, {
      timeoutMs,
    });
    this.table!.settle(work);
    work.abort(error);
    this.fail(work, error);
    this.table!.resume();
  }

  /** Writes the answers that are ready. With the order `request`, stops at the first request that is not done. */
  private answer(ctx: Context): void {
    if (this.isAnswering) return;
    this.isAnswering = true;
    let count = 0;
    for (let work = this.nextDone(); work !== undefined; work = this.nextDone()) {
      const { response, failure } = work;
      if (failure !== undefined) this.unanswered(ctx, failure);
      if (response === undefined || response === null) continue;
      this.writeAnswer(ctx, work.body, response);
      count += 1;
    }
    this.isAnswering = false;
    if (count > 0) ctx.flush();
    this.table!.gateReads();
    this.drain.update();
  }

  private nextDone(): RequestWork<Request> | undefined {
    const next = this.isOrdered ? this.table!.first : this.ready.shift();
    if (next?.isDone !== true) return undefined;
    this.table!.close(next);
    return next;
  }

  /**
   * Writes an answer. A response that cannot be encoded is a failure, whose answer is tried once.
   */
  private writeAnswer(ctx: Context, request: Request, response: unknown): void {
    const error = encodeErrorOf(ctx.channel, ctx.write(response));
    if (error === undefined) return;
    const [answer, unanswered] = this.answerOf(error, request);
    const isWrong =
      answer !== undefined &&
      answer !== null &&
      encodeErrorOf(ctx.channel, ctx.write(answer)) !== undefined;
    if (isWrong || unanswered !== undefined) this.unanswered(ctx, unanswered);
  }

  /** Sends the earlier answers, reports the error of a request that has no answer, and ends the channel. */
  private unanswered(ctx: Context, error: Error | undefined): void {
    ctx.flush();
    if (error !== undefined) ctx.fireExceptionCaught(error);
    endUnanswered(ctx.channel, this.answerError === undefined ? CURE : undefined);
    if (ctx.channel.isEnding) this.abandon();
  }
}
