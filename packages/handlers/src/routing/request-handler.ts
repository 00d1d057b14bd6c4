import {
  type Channel,
  type Context,
  checkNumber,
  checkTime,
  type Handler,
  ShutdownEvent,
  TimedOutError,
  type Timer,
  type Types,
  toError,
} from '@headrace/core';
import { Fifo } from '../flow/fifo.ts';

/** What a request's function gets beside the request. */
export interface RequestScope {
  readonly channel: Channel;
  /** Aborts when nobody waits for the answer any more: the channel closed, or the time is over. */
  readonly signal: AbortSignal;
}

/** Options of a {@link RequestHandler}. */
export interface RequestOptions<Request, Response> {
  /** Answers a request, at once or later; `undefined` for no answer. */
  readonly handle: (
    request: Request,
    scope: RequestScope,
  ) => Response | undefined | PromiseLike<Response | undefined>;
  /** Makes an answer of a failure; without it the failure is an error of this handler. */
  readonly answerError?: (error: Error, request: Request) => Response | undefined;
  /** Requests of one channel that are worked on at the same time. @default 1 */
  readonly concurrency?: number;
  /** No more is read while so many requests of a channel wait or are worked on. @default 64 */
  readonly maxPending?: number;
  /** `TIMEOUT_REQUEST` after this time; `false` for none. @default false */
  readonly timeoutMs?: number | false;
}

interface Pending<Request> {
  readonly request: Request;
  readonly aborter: AbortController;
  state: 'waiting' | 'working' | 'done';
  response: unknown;
  timer: Timer | undefined;
}

const DEFAULTS = { concurrency: 1, maxPending: 64, timeoutMs: false } as const;

/**
 * Answers each request with what a function returns or promises, in the order of the requests.
 *
 * ```text
 *  wire | frame | codec | [request → response]
 * ```
 *
 * - **Place** last.
 * - **In** requests.
 * - **Out** nothing; it writes the responses, and flushes those that are ready together once.
 * - **Events** holds a `ShutdownEvent` until what came before it is answered; forwards the rest.
 * - **Errors** what the function throws or rejects with, unless `answerError` makes an answer of it;
 *   `TIMEOUT_REQUEST`.
 * - **State** one channel: its pending requests, `maxPending` and the rest of one burst.
 * - **Cost** an object and an `AbortController` per request, a promise if the function makes one.
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
  private readonly concurrency: number;
  private readonly maxPending: number;
  private readonly timeoutMs: number;
  /** In the order of the requests; those at the front are done as soon as they are answered. */
  private readonly pending = new Fifo<Pending<Request>>();
  /** Not begun yet. */
  private readonly waiting = new Fifo<Pending<Request>>();
  private working = 0;
  private isReadHeld = false;
  private isAnswering = false;
  private isOver = false;
  private heldShutdown: ShutdownEvent | undefined = undefined;

  constructor(options: RequestOptions<Request, Response>) {
    const { concurrency, maxPending, timeoutMs } = { ...DEFAULTS, ...options };
    this.options = options;
    this.concurrency = checkNumber('concurrency', concurrency, { min: 1, integer: true });
    this.maxPending = checkNumber('maxPending', maxPending, { min: 1, integer: true });
    this.timeoutMs = checkTime('timeoutMs', timeoutMs);
  }

  channelRead(ctx: Context, request: Request): void {
    const aborter = new AbortController();
    const entry: Pending<Request> = {
      request,
      aborter,
      state: 'waiting',
      response: undefined,
      timer: undefined,
    };
    this.pending.push(entry);
    this.waiting.push(entry);
    this.work(ctx);
  }

  read(ctx: Context): void {
    if (this.pending.size < this.maxPending) ctx.read();
    else this.isReadHeld = true;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof ShutdownEvent && !this.pending.isEmpty) this.heldShutdown = event;
    else ctx.fireUserEventTriggered(event);
  }

  channelInactive(ctx: Context): void {
    this.abandon();
    ctx.fireChannelInactive();
  }

  handlerRemoved(ctx: Context): void {
    this.abandon();
    if (this.isReadHeld && ctx.channel.isOpen) ctx.read();
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
    const { signal } = entry.aborter;
    try {
      const result = this.options.handle(entry.request, { channel: ctx.channel, signal });
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
  }

  private fail(ctx: Context, entry: Pending<Request>, error: Error): void {
    let response: unknown;
    let unanswered: Error | undefined = error;
    try {
      if (this.options.answerError !== undefined) {
        response = this.options.answerError(error, entry.request);
        unanswered = undefined;
      }
    } catch (thrown) {
      unanswered = toError(thrown);
    }
    this.finish(entry, response);
    if (unanswered !== undefined) ctx.fireExceptionCaught(unanswered);
  }

  private timedOut(ctx: Context, entry: Pending<Request>): void {
    const { timeoutMs } = this;
    const error = new TimedOutError('TIMEOUT_REQUEST', `no answer within ${timeoutMs} ms`, {
      timeoutMs,
    });
    this.settled(ctx, entry, () => {
      entry.aborter.abort(error);
      this.fail(ctx, entry, error);
    });
  }

  /** Writes the answers that are ready, up to the first request that is not. */
  private answer(ctx: Context): void {
    if (this.isAnswering) return;
    this.isAnswering = true;
    let count = 0;
    while (this.pending.peek()?.state === 'done') {
      const { response } = this.pending.shift()!;
      if (response === undefined || response === null) continue;
      ctx.write(response);
      count += 1;
    }
    this.isAnswering = false;
    if (count > 0) ctx.flush();
    this.readOn(ctx);
  }

  private readOn(ctx: Context): void {
    if (this.isReadHeld && this.pending.size < this.maxPending && !this.isOver) {
      this.isReadHeld = false;
      ctx.read();
    }
    const { heldShutdown } = this;
    if (heldShutdown === undefined || !this.pending.isEmpty) return;
    this.heldShutdown = undefined;
    ctx.fireUserEventTriggered(heldShutdown);
  }

  private abandon(): void {
    this.isOver = true;
    for (let entry = this.pending.shift(); entry !== undefined; entry = this.pending.shift()) {
      entry.timer?.cancel();
      entry.aborter.abort();
    }
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
