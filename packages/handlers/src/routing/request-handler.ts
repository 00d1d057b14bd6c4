import {
  type Channel,
  type Context,
  DrainEvent,
  type DrainHold,
  type Handler,
  TimedOutError,
  type Timer,
  type Types,
} from '@headrace/core';
import {
  checkChoice,
  checkFunction,
  checkNumber,
  checkOptions,
  checkTime,
  Fifo,
  isPromiseLike,
  type KnownOptions,
  ReadGate,
  toError,
} from '@headrace/core/authoring';
import { encodeErrorOf } from './encode-error.ts';
import { LazyRequestScope, type RequestScope } from './request-scope.ts';

/** Options of a {@link RequestHandler}. */
export interface RequestOptions<Request, Response> {
  /** Answers a request, at once or later; `undefined` for no answer. */
  readonly handle: (
    request: Request,
    scope: RequestScope,
  ) => Response | undefined | PromiseLike<Response | undefined>;
  /**
   * Makes an answer of a failure: of `handle`, or of encoding what it returned. Without it the failure is an error
   * of this handler.
   */
  readonly answerError?: (error: Error, request: Request) => Response | undefined;
  /**
   * In which order answers are written: as the requests came, or each as soon as it is there. The latter is for
   * protocols whose answers name their request, and does not make a fast one wait for a slow one before it.
   * @default 'request'
   */
  readonly order?: 'request' | 'completion';
  /** Requests of one channel that are worked on at the same time. @default 1 */
  readonly concurrency?: number;
  /** Reads are held while this many requests of a channel wait or are worked on. @default 64 */
  readonly maxPending?: number;
  /** `TIMEOUT_REQUEST` after this time; `false` for none. @default false */
  readonly timeoutMs?: number | false;
}

class Pending<Request> extends LazyRequestScope {
  readonly request: Request;
  state: 'waiting' | 'working' | 'done' = 'waiting';
  response: unknown = undefined;
  timer: Timer | undefined = undefined;

  constructor(channel: Channel, request: Request) {
    super(channel);
    this.request = request;
  }
}

const DEFAULTS = { order: 'request', concurrency: 1, maxPending: 64, timeoutMs: false } as const;

const OPTIONS: KnownOptions<RequestOptions<unknown, unknown>> = {
  handle: true,
  answerError: true,
  order: true,
  concurrency: true,
  maxPending: true,
  timeoutMs: true,
};

/**
 * Answers each request with what a function returns or promises, in the order of the requests or in that of
 * completion.
 *
 * ```text
 *  wire | frame | codec | [request → response]
 * ```
 *
 * - **Place** last.
 * - **In** requests.
 * - **Out** nothing; it writes the responses, and flushes those that are ready together once.
 * - **Events** forwards all; on a `DrainEvent` the channel does not end before what came is answered.
 * - **Errors** what the function throws or rejects with, unless `answerError` makes an answer of it;
 *   `TIMEOUT_REQUEST`.
 * - **State** one channel: its pending requests, `maxPending` of them where decoders before it stop while reads
 *   are held.
 * - **Cost** an object per request, an `AbortController` if the function asks for the signal, a promise if the function makes one.
 * - **Pitfalls** with `concurrency` above 1 a request may see the state before its predecessor's change;
 *   only the answers keep their order.
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
  private readonly options: RequestOptions<Request, Response>;
  private readonly isOrdered: boolean;
  private readonly concurrency: number;
  private readonly maxPending: number;
  private readonly timeoutMs: number;
  /** All that are not answered, in the order of the requests. */
  private readonly pending = new Set<Pending<Request>>();
  /** Done and not answered yet, where the order is that of completion. */
  private readonly ready = new Fifo<Pending<Request>>();
  /** Not begun yet. */
  private readonly waiting = new Fifo<Pending<Request>>();
  private working = 0;
  private readonly gate = new ReadGate('RequestHandler');
  private isAnswering = false;
  private isOver = false;
  private drain: DrainEvent | undefined = undefined;
  private drainHold: DrainHold | undefined = undefined;

  constructor(options: RequestOptions<Request, Response>) {
    checkOptions<object>('RequestHandler', options, OPTIONS);
    const { order, concurrency, maxPending, timeoutMs } = { ...DEFAULTS, ...options };
    this.options = options;
    checkFunction('handle', options.handle, 'answers a request');
    checkChoice('order', order, ['request', 'completion']);
    this.isOrdered = order === 'request';
    this.concurrency = checkNumber('concurrency', concurrency, { min: 1, integer: true });
    this.maxPending = checkNumber('maxPending', maxPending, { min: 1, integer: true });
    this.timeoutMs = checkTime('timeoutMs', timeoutMs);
  }

  channelRead(ctx: Context, request: Request): void {
    const entry = new Pending(ctx.channel, request);
    this.pending.add(entry);
    this.waiting.push(entry);
    this.holdDrain();
    this.work(ctx);
    if (this.pending.size >= this.maxPending) this.gate.hold(ctx.channel);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainEvent) {
      this.drain = event;
      if (this.pending.size > 0) this.holdDrain();
    }
    ctx.fireUserEventTriggered(event);
  }

  channelInactive(ctx: Context): void {
    this.abandon();
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.abandon();
    this.gate.release();
  }

  /** Requests may come after the event, while another handler holds the drain: a decoder with a begun frame does. */
  private holdDrain(): void {
    this.drainHold ??= this.drain?.hold('requests');
  }

  /** Begins what may begin, then answers what is answered. */
  private work(ctx: Context): void {
    while (this.working < this.concurrency && !this.isOver) {
      const entry = this.waiting.shift();
      if (entry === undefined) break;
      this.begin(ctx, entry);
    }
    this.answer(ctx);
  }

  private begin(ctx: Context, entry: Pending<Request>): void {
    this.working += 1;
    entry.state = 'working';
    try {
      const result = this.options.handle(entry.request, entry);
      if (!isPromiseLike(result)) {
        this.finish(entry, result);
        return;
      }
      if (this.timeoutMs !== Number.POSITIVE_INFINITY) {
        entry.timer = ctx.clock.schedule(() => this.timedOut(ctx, entry), this.timeoutMs);
      }
      result.then(
        (response) => this.settled(ctx, entry, () => this.finish(entry, response)),
        (thrown) => this.settled(ctx, entry, () => this.fail(ctx, entry, toError(thrown))),
      );
    } catch (thrown) {
      this.fail(ctx, entry, toError(thrown));
    }
  }

  private settled(ctx: Context, entry: Pending<Request>, end: () => void): void {
    if (this.isOver || entry.state === 'done') return;
    end();
    this.work(ctx);
  }

  private finish(entry: Pending<Request>, response: unknown): void {
    entry.timer?.cancel();
    entry.state = 'done';
    entry.response = response;
    this.working -= 1;
    if (!this.isOrdered) this.ready.push(entry);
  }

  private fail(ctx: Context, entry: Pending<Request>, error: Error): void {
    const [response, unanswered] = this.answerOf(error, entry.request);
    this.finish(entry, response);
    if (unanswered !== undefined) ctx.fireExceptionCaught(unanswered);
  }

  /** The answer to a failure, or what remains to be reported. */
  private answerOf(
    error: Error,
    request: Request,
  ): [answer: unknown, unanswered: Error | undefined] {
    const { answerError } = this.options;
    if (answerError === undefined) return [undefined, error];
    try {
      return [answerError(error, request), undefined];
    } catch (thrown) {
      return [undefined, toError(thrown)];
    }
  }

  private timedOut(ctx: Context, entry: Pending<Request>): void {
    const { timeoutMs } = this;
    const error = new TimedOutError('TIMEOUT_REQUEST', `no answer within ${timeoutMs} ms`, {
      timeoutMs,
    });
    this.settled(ctx, entry, () => {
      entry.abort(error);
      this.fail(ctx, entry, error);
    });
  }

  /** Writes the answers that are ready: up to the first request that is not, or all. */
  private answer(ctx: Context): void {
    if (this.isAnswering) return;
    this.isAnswering = true;
    let count = 0;
    for (let entry = this.nextDone(); entry !== undefined; entry = this.nextDone()) {
      const { response } = entry;
      if (response === undefined || response === null) continue;
      this.writeAnswer(ctx, entry.request, response);
      count += 1;
    }
    this.isAnswering = false;
    if (count > 0) ctx.flush();
    this.readOn();
  }

  private nextDone(): Pending<Request> | undefined {
    let next: Pending<Request> | undefined;
    if (this.isOrdered) [next] = this.pending;
    else next = this.ready.shift();
    if (next?.state !== 'done') return undefined;
    this.pending.delete(next);
    return next;
  }

  /** What cannot be encoded is a failure like one of the function; an answer to that is tried once. */
  private writeAnswer(ctx: Context, request: Request, response: unknown): void {
    const error = encodeErrorOf(ctx.channel, ctx.write(response));
    if (error === undefined) return;
    const [answer, unanswered] = this.answerOf(error, request);
    if (answer !== undefined && answer !== null) ctx.write(answer);
    if (unanswered !== undefined) ctx.fireExceptionCaught(unanswered);
  }

  private readOn(): void {
    if (this.pending.size < this.maxPending) this.gate.release();
    if (this.pending.size > 0) return;
    this.drainHold?.release();
    this.drainHold = undefined;
  }

  private abandon(): void {
    this.isOver = true;
    for (const entry of this.pending) {
      entry.timer?.cancel();
      entry.abort();
    }
    this.pending.clear();
    this.drainHold?.release();
    this.drainHold = undefined;
  }
}
