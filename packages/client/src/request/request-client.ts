import {
  type Channel,
  type Clock,
  type ConnectPlace,
  isHeadraceError,
  type Logger,
  OptionError,
  stderrLogger,
  systemClock,
  TimedOutError,
  type WriteFuture,
} from '@headrace/core';
import {
  carefulLogger,
  choice,
  describeOptions,
  isPeerLeaving,
  object,
  observeSource,
  onAbort,
  present,
  type RetryBudget,
  releaseSource,
  SettableFuture,
  time,
  toError,
  UnobservedFailures,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import {
  afterSent,
  Call,
  type CallCarrier,
  CallTable,
  requestAborted,
  requestTimedOut,
  wasSent,
} from '@headrace/handlers/call';
import {
  type BinaryExchange,
  type CallOptions,
  ExchangeCallHandler,
  type ExchangeTypes,
  type StreamOptions,
} from '@headrace/rpc';
import { PlaceBalance } from '../address/place-balance.ts';
import type { ReconnectingClientOptions } from '../reconnect/reconnect-options.ts';
import { ReconnectingClient } from '../reconnect/reconnecting-client.ts';
import { closedError, lostAgain, noticeError } from './request-error.ts';
import { type BegunStream, RequestStream } from './request-stream.ts';

/** Options of a {@link RequestClient}. Times are in milliseconds. */
export interface RequestClientOptions<
  P = ConnectPlace | string | URL,
  C extends Channel = Channel,
> {
  /** Options of each connection, whose pipeline must contain an `ExchangeHandler` or an `ExchangeCallHandler`. */
  readonly client: ReconnectingClientOptions<P, C>;
  /**
   * Calls that are repeated after the connection was lost, within their time. `unsent`: calls that certainly were not sent.
   * `idempotent`: also calls that the peer may have executed, limited by a `budget` and to three connections that are lost during
   * the call. `never`: no calls.
   * @default 'unsent'
   */
  readonly retry?: 'unsent' | 'idempotent' | 'never';
  /** Limits the repetition of calls that may have been executed. Required with `idempotent`. @default none */
  readonly budget?: RetryBudget;
  /**
   * Number of connections, spread over the places. Each call or notice uses the connection with the fewest calls under way; equal
   * connections are used in turn.
   * @default 1
   */
  readonly connections?: number;
  /**
   * Maximum time of a call, including waits, and maximum time that a notice waits for a connection; `false` for no limit.
   * @default 10000
   */
  readonly timeoutMs?: number | false;
  /** Maximum number of calls and notices that wait for a connection. Further calls fail with `REJECTED_QUEUE`. @default 1000 */
  readonly maxWaiting?: number;
}

const OPTIONS = describeOptions('RequestClient', {
  client: object('the options of a ReconnectingClient', { required: true }),
  retry: choice(['unsent', 'idempotent', 'never'], { default: 'unsent' }),
  budget: object('a RetryBudget'),
  connections: whole({ min: 1, max: 10_000, default: 1 }),
  timeoutMs: time({ default: 10_000 }),
  maxWaiting: whole({ default: 1000 }),
});
const CALL_OPTIONS = describeOptions('request', {
  timeoutMs: time(),
  signal: unchecked(),
  input: unchecked(),
});
const STREAM_OPTIONS = describeOptions('stream', {
  timeoutMs: time({ default: false }),
  itemTimeoutMs: time(),
  signal: unchecked(),
  input: unchecked(),
});

/** Number of connections that are lost during a call until the call is given up, because it may be what ends them. */
const MAX_LOSSES = 3;

/** Sends over a connection. Rejects with an error whose `details.sent` is false if certainly nothing was sent. */
type Send<T extends ExchangeTypes, R> = (
  exchange: ExchangeCallHandler<T>,
  leftMs: number,
) => Promise<R>;

/** Sends the call over a connection. */
type Ask = (channel: Channel) => void;

/**
 * A client for calls over connections that reconnect: an `ExchangeHandler` on one or several {@link ReconnectingClient}s.
 *
 * A call waits while no connection is online, and fails with `TIMEOUT_REQUEST` after its time-out. If the connection is lost, the
 * call fails with `REQUEST_LOST`, unless `retry` allows a repetition. Notices follow the same rules, but have no answer, so they
 * need only a connection.
 *
 * @typeParam T - types of the format; `RequestClient<JsonRpcExchange>` for JSON-RPC
 * @typeParam P - place type of the bootstrap; optional for `Bootstrap` and `WebSocketBootstrap`
 *
 * @example
 * ```ts run
 * import { RequestClient } from '@headrace/client';
 * import { lengthPrefixed } from '@headrace/codec';
 * import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
 * import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
 *
 * const network = new MemoryNetwork();
 * const format = binaryExchange();
 * const frames = () => lengthPrefixed({ maxFrameLength: 1000 });
 * const server = await new ServerBootstrap()
 *   .childHandler(({ pipeline }) =>
 *     pipeline.addLast(
 *       ...frames(),
 *       new ExchangeHandler({ format, handle: (name) => Buffer.from(`hello ${name}`) }),
 *     ),
 *   )
 *   .bind({ network, name: 'hello' });
 * const client = new RequestClient({
 *   client: {
 *     bootstrap: new Bootstrap().handler(({ pipeline }) =>
 *       pipeline.addLast(...frames(), new ExchangeHandler({ format })),
 *     ),
 *     addresses: [{ network, name: 'hello' }],
 *   },
 * });
 * void client.start();
 * console.log(String(await client.request(Buffer.from('ann')))); // prints hello ann
 * await client.close();
 * await server.shutdown();
 * ```
 */
export class RequestClient<
  T extends ExchangeTypes = BinaryExchange,
  P = ConnectPlace | string | URL,
  C extends Channel = Channel,
> implements AsyncDisposable
{
  /** The clients, one for each connection, for example for their states and `networkChanged`. */
  readonly clients: readonly ReconnectingClient<P, C>[];
  private readonly retry: 'unsent' | 'idempotent' | 'never';
  private readonly budget: RetryBudget | undefined;
  private readonly timeoutMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  /**
   * The calls and notices that wait for a connection, because then no channel has a handler that could hold them. A call on a
   * connection is in the table of the connection's handler, whose limits, order and answers are those of one channel, and which has
   * calls of others too. So a call waits in one table at a time, with one entry among the deadlines and one listener of its signal:
   * it leaves this table before the handler gets it with the time that is left.
   */
  private readonly table: CallTable;
  private unseen: UnobservedFailures;

  /** @throws OptionError if an option is not valid */
  constructor(options: RequestClientOptions<P, C>) {
    const { retry, budget, connections, timeoutMs, maxWaiting } = OPTIONS.resolve(
      options as unknown as RequestClientOptions,
    );
    this.retry = retry;
    this.budget = budget;
    if (retry === 'idempotent' && budget === undefined) {
      const text =
        "retry 'idempotent' needs a budget: new RetryBudget({ perSecond: 10, burst: 20 })";
      throw new OptionError('OPTION_CONFLICT', text, { option: 'budget' });
    }
    this.timeoutMs = timeoutMs;
    this.clock = options.client.clock ?? systemClock;
    const limits = { maxQueued: maxWaiting, queueOption: 'maxWaiting', keepsProcess: true };
    this.table = new CallTable(this.clock, limits);
    this.logger = carefulLogger(options.client.logger ?? stderrLogger());
    const shared = { balance: new PlaceBalance(), ...present(options.client) };
    this.clients = Array.from({ length: connections }, () => this.connection(shared));
    this.unseen = this.watchFailures();
  }

  /** Connects. Resolves when all connections are online, and rejects when a connection has given up. */
  start(): Promise<void> {
    const starting = Promise.all(this.clients.map((client) => client.start())).then(() => {});
    // An application that waits for calls can ignore this promise.
    starting.catch(() => {});
    return starting;
  }

  /** True if a connection is online, so that a call is sent at once. */
  get isReady(): boolean {
    return this.table.isConnected;
  }

  /** Number of calls and notices that wait for a connection. */
  get waiting(): number {
    return this.table.queued;
  }

  /**
   * Sends a call and resolves with its answer. Rejects as `ExchangeHandler.request`, and with the client's error after the client
   * has closed. A call with `input` is not repeated, because its items cannot be read twice.
   */
  request(body: T['call'], options: CallOptions<T['answer']> = {}): Promise<T['result']> {
    return this.execute(options, (exchange, leftMs) =>
      exchange.request(body, { ...options, timeoutMs: optionOf(leftMs) }),
    );
  }

  /**
   * Calls for a stream of items, as `ExchangeHandler.stream`. The call begins with the first read. Until the first item has
   * arrived, the call is repeated as `retry` allows. If the connection is lost later, the stream fails; call again from the last
   * item on. `itemTimeoutMs` limits the wait for a connection and for each item (by default `timeoutMs` of this client).
   */
  stream(
    body: T['call'],
    options: StreamOptions<T['answer']> = {},
  ): AsyncIterableIterator<T['result']> {
    return new RequestStream((leaving) => this.beginStream(body, options, leaving), options.input);
  }

  private beginStream(
    body: T['call'],
    options: StreamOptions<T['answer']>,
    leaving: AbortController,
  ): Promise<BegunStream<T['result']>> {
    const { timeoutMs, itemTimeoutMs = this.timeoutMs } = STREAM_OPTIONS.resolve(options);
    const until = this.clock.now() + timeoutMs;
    const { itemTimeoutMs: _, ...call } = options;
    const { signal } = leaving;
    // A signal of `AbortSignal.any` would stay with a signal that outlives the stream.
    const stopListening = options.signal && following(options.signal, leaving);
    const waiting = { ...call, signal, timeoutMs: optionOf(Math.min(timeoutMs, itemTimeoutMs)) };
    return this.execute(waiting, async (exchange) => {
      const leftMs = Math.max(1, Math.ceil(until - this.clock.now()));
      const times = { timeoutMs: optionOf(leftMs), itemTimeoutMs: optionOf(itemTimeoutMs) };
      const items = exchange.stream(body, { ...options, ...times });
      // The exchange itself ends the items with the caller's signal.
      const leave = onAbort(signal, () => {
        if (options.signal?.aborted !== true) void items.return?.();
      });
      return { items, first: await items.next().finally(leave) };
    }).finally(stopListening);
  }

  /**
   * Sends a notice, which has no answer. Succeeds when the kernel has accepted the notice, even if it does not arrive. Never
   * throws.
   *
   * Without a connection, the notice waits in line with the calls, and fails like a call. The error is `TIMEOUT_REQUEST`,
   * `OPERATION_ABORTED`, `REJECTED_QUEUE`, or that of the closed client. After a connection has taken the notice, time-out and
   * signal have no effect until the connection is lost. Then the notice fails with `REQUEST_LOST`, unless `retry` allows a
   * repetition within its time. `details.sent` of the error is false only if certainly no byte was sent.
   */
  notify(body: T['call'], options: Omit<CallOptions, 'input'> = {}): WriteFuture {
    const notice = new SettableFuture();
    const tell = async (exchange: ExchangeCallHandler<T>): Promise<void> => {
      const write = exchange.notify(body);
      await write.catch((error: unknown) => {
        throw noticeError(toError(error), write.mayHaveLeft);
      });
    };
    this.execute(options, tell).then(
      () => notice.succeed(),
      (error: Error) => {
        if (wasSent(error)) notice.handOver();
        notice.fail(error);
        this.unseen.add(notice);
      },
    );
    return notice;
  }

  /** Closes the client permanently. Waiting calls fail, and calls under way end with their connections. */
  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
  }

  /** Calls {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Sends over a connection, and repeats over later connections as `retry` and the time allow. */
  private execute<R>(options: CallOptions, send: Send<T, R>): Promise<R> {
    this.budget?.called();
    return new Promise((resolve, reject) => {
      const { timeoutMs = this.timeoutMs, signal, input } = resolvedCall(options);
      let losses = 0;
      let isGiven = false;
      const failed = (error: unknown): void => {
        // The exchange handler releases an input that it has received.
        if (!isGiven) void releaseSource(input);
        reject(losses > 0 ? afterSent(error) : explained(error, this.clients));
      };
      const ask: Ask = (channel) => {
        const leftMs = Math.ceil(call.deadline - this.clock.now());
        // The timer fires late if the process was suspended.
        if (leftMs <= 0) return call.reject(requestTimedOut(call.timeoutMs, false));
        const exchange = exchangeOf<T>(channel);
        isGiven = true;
        send(exchange, leftMs).then(resolve, (error: unknown) => {
          const isOver = endIfOver(channel, error);
          if (wasSent(error)) losses += 1;
          if (isOver && losses === MAX_LOSSES) return failed(lostAgain(toError(error), losses));
          // The caller's items cannot be read twice.
          if (!isOver || input !== undefined || !this.mayAskAgain(error)) return failed(error);
          this.submit(call, signal);
        });
      };
      const call = new Call(ask, timeoutMs, resolve as never, failed);
      call.deadline = this.clock.now() + call.timeoutMs;
      observeSource(input, (error) => this.table.fail(call, error));
      this.submit(call, signal);
    });
  }

  private submit(call: Call, signal: AbortSignal | undefined): void {
    const carrier = this.table.carrierOf(call);
    const closed = carrier === undefined ? this.closedError() : undefined;
    if (signal?.aborted === true) call.reject(requestAborted(signal, false));
    else if (carrier !== undefined) carrier.send(call);
    else if (call.deadline <= this.clock.now()) call.reject(requestTimedOut(call.timeoutMs, false));
    else if (closed !== undefined) call.reject(closed);
    else this.table.submit(call, signal);
  }

  private connection(options: ReconnectingClientOptions<P, C>): ReconnectingClient<P, C> {
    const client = new ReconnectingClient(options);
    const carrier = this.carrierOf(client);
    client.on('state', (state) => {
      if (state.name === 'online') {
        const exchange = state.channel.pipeline.get(ExchangeCallHandler);
        if (exchange !== undefined) exchange.onPeerLeaving = () => client.moveOn();
        // The server has said so while the connection was made ready.
        if (isPeerLeaving(state.channel)) {
          client.moveOn();
          return;
        }
        this.unseen = this.watchFailures();
        this.table.add(carrier);
        return;
      }
      this.table.remove(carrier);
      if (state.name === 'closed') this.clientClosed();
    });
    client.on('loss', ({ error }) => {
      this.table.remove(carrier);
      this.table.failedToConnect(error);
    });
    return client;
  }

  private carrierOf(client: ReconnectingClient<P, C>): CallCarrier {
    return {
      get load() {
        const counts = client.channel?.pipeline.get(ExchangeCallHandler)?.counts;
        return counts === undefined ? 0 : counts.inFlight + counts.queued;
      },
      takes: () => client.channel !== undefined,
      send: (call) => {
        // The call no longer waits, because the exchange handler has it.
        this.table.drop(call);
        try {
          (call.body as Ask)(client.channel!);
        } catch (thrown) {
          call.reject(toError(thrown));
        }
      },
      drop: () => {},
      changed: () => {},
    };
  }

  private mayAskAgain(error: unknown): boolean {
    if (this.retry === 'never' || !isHeadraceError(error, 'REQUEST_LOST')) return false;
    if (error.details['sent'] === false) return true;
    return this.retry === 'idempotent' && this.budget!.tryTake(this.clock.now());
  }

  private clientClosed(): void {
    const error = this.closedError();
    if (error === undefined) return;
    this.table.failQueued(() => error);
  }

  /** Returns the error for a call if all clients are closed. */
  private closedError(): Error | undefined {
    let error: Error | undefined;
    for (const { state } of this.clients) {
      if (state.name !== 'closed') return undefined;
      error ??= state.error;
    }
    return error === undefined ? closedError() : toError(error);
  }

  /** Limits the log to one line for each absence. */
  private watchFailures(): UnobservedFailures {
    const text = 'a notice failed, and nothing handled its error';
    return new UnobservedFailures(this.clock, (error) => this.logger.log('warn', text, error));
  }
}

/** Returns the error of a call, with the reason if no client was ever started. */
function explained(
  error: unknown,
  clients: readonly { readonly state: { name: string } }[],
): unknown {
  return isHeadraceError(error, 'TIMEOUT_REQUEST') &&
    clients.every(({ state }) => state.name === 'idle')
    ? new TimedOutError('TIMEOUT_REQUEST', `${error.message}: call start()`, error.details)
    : error;
}

/** Checks the options of a call. The input of a call that is refused is released. */
function resolvedCall(options: CallOptions): ReturnType<typeof CALL_OPTIONS.resolve<CallOptions>> {
  try {
    return CALL_OPTIONS.resolve(options);
  } catch (thrown) {
    void releaseSource(options?.input);
    throw thrown;
  }
}

/** Aborts the controller with the signal. Returns a function that ends this. */
function following(signal: AbortSignal, controller: AbortController): () => void {
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  return onAbort(signal, abort);
}

function optionOf(timeMs: number): number | false {
  return Number.isFinite(timeMs) ? timeMs : false;
}

function exchangeOf<T extends ExchangeTypes>(channel: Channel): ExchangeCallHandler<T> {
  const exchange = channel.pipeline.get(ExchangeCallHandler) as ExchangeCallHandler<T> | undefined;
  if (exchange !== undefined) return exchange;
  const text = 'the pipeline of a RequestClient needs an ExchangeHandler as its last handler';
  throw new OptionError('OPTION_CONFLICT', text, { option: 'client.bootstrap' });
}

/**
 * Returns true if the connection accepts no more calls, and ends it, unless the peer ends it after its last answers. With
 * `allowHalfOpen`, one direction of such a connection can stay open, and calls would choose the connection again. A full queue is
 * neither a reason to end the connection nor to retry at once.
 */
function endIfOver(channel: Channel, error: unknown): boolean {
  if (!isHeadraceError(error, 'REQUEST_LOST')) return false;
  if (isHeadraceError(error.cause, 'OUTBOUND_FULL') && channel.isOpen) return false;
  if (!isPeerLeaving(channel)) channel.end();
  return true;
}
