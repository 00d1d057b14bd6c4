import {
  type Channel,
  type Clock,
  type ConnectPlace,
  isHeadraceError,
  type Logger,
  OptionError,
  stderrLogger,
  systemClock,
  type WriteFuture,
} from '@headrace/core';
import {
  carefulLogger,
  choice,
  describeOptions,
  object,
  type RetryBudget,
  SettableFuture,
  time,
  toError,
  UnseenFailures,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import {
  type BinaryExchange,
  type CallOptions,
  ExchangeHandler,
  type ExchangeTypes,
  type StreamOptions,
} from '@headrace/handlers';
import {
  afterSent,
  Call,
  type CallCarrier,
  CallTable,
  giveUpUnread,
  requestAborted,
  requestTimedOut,
  wasSent,
} from '@headrace/handlers/call';
import { PlaceBalance } from '../address/place-balance.ts';
import type { ReconnectingClientOptions } from '../reconnect/reconnect-options.ts';
import { ReconnectingClient } from '../reconnect/reconnecting-client.ts';
import { closedError, noticeError } from './request-error.ts';
import { type BegunStream, RequestStream } from './request-stream.ts';

/** Options of a {@link RequestClient}. Times are in milliseconds. */
export interface RequestClientOptions<
  P = ConnectPlace | string | URL,
  C extends Channel = Channel,
> {
  /** The options of each connection; its pipeline has an `ExchangeHandler`. */
  readonly client: ReconnectingClientOptions<P, C>;
  /**
   * The calls that are repeated, within their time, when the connection was lost: `unsent`, calls that certainly never left;
   * `idempotent`, also calls that the peer may have executed, under a `budget`; `never`, none.
   * @default 'unsent'
   */
  readonly retry?: 'unsent' | 'idempotent' | 'never';
  /** Limits the repeated calls that may have been executed; needed with `idempotent`. @default none */
  readonly budget?: RetryBudget;
  /**
   * The number of connections, spread over the places. Each call or notice goes to the connection with the fewest calls under
   * way; among equals, to the next in turn.
   * @default 1
   */
  readonly connections?: number;
  /**
   * How long a call may take in all, waits included, and how long a notification may wait for a connection; `false`
   * for no limit. @default 10000
   */
  readonly timeoutMs?: number | false;
  /** Calls and notifications that wait for a connection; one more fails with `REJECTED_QUEUE`. @default 1000 */
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

/** Gives it to a connection; rejects with an error whose `details.sent` is false if nothing of it can have left. */
type Send<T extends ExchangeTypes, R> = (
  exchange: ExchangeHandler<T>,
  leftMs: number,
) => Promise<R>;

/** Asks over a connection. */
type Ask = (channel: Channel) => void;

/**
 * Calls over connections that come back: an `ExchangeHandler` on a {@link ReconnectingClient}, or on several.
 *
 * A call waits while there is no connection, and fails with `TIMEOUT_REQUEST` when its time is over. A call whose connection was
 * lost fails with `REQUEST_LOST`, unless `retry` allows a repetition. Notifications follow the same rules, but for them a
 * connection is enough: they have no answer.
 *
 * @typeParam T - the types of the format; `RequestClient<JsonRpcExchange>` for JSON-RPC
 * @typeParam P - the places of the bootstrap; those of `Bootstrap` and of `WebSocketBootstrap` need not be named
 *
 * @example
 * ```ts run
 * import { RequestClient } from '@headrace/client';
 * import { lengthPrefixed } from '@headrace/codec';
 * import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
 * import { binaryExchange, ExchangeHandler } from '@headrace/handlers';
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
  /** The clients, one for each connection: for their states, and `networkChanged`. */
  readonly clients: readonly ReconnectingClient<P, C>[];
  private readonly retry: 'unsent' | 'idempotent' | 'never';
  private readonly budget: RetryBudget | undefined;
  private readonly timeoutMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** The calls and notifications that wait for a connection. */
  private readonly table: CallTable;
  private unseen: UnseenFailures;

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
    const shared = { balance: new PlaceBalance(), ...options.client };
    this.clients = Array.from({ length: connections }, () => this.connection(shared));
    this.unseen = this.watchFailures();
  }

  /** Connects; resolves when all connections are online, and rejects when one of them has given up. */
  start(): Promise<void> {
    const starting = Promise.all(this.clients.map((client) => client.start())).then(() => {});
    // An application that waits for calls need not wait for this promise too.
    starting.catch(() => {});
    return starting;
  }

  /** True while it has a connection: a call goes out at once. */
  get isReady(): boolean {
    return this.table.isConnected;
  }

  /** Calls and notifications that wait for a connection. */
  get waiting(): number {
    return this.table.queued;
  }

  /**
   * Asks. Rejects as `ExchangeHandler.request`, and with the error of the client when that is closed. A call with `input`
   * waits for a connection as others do, but is not asked again: its items cannot be read twice.
   */
  request(body: T['call'], options: CallOptions<T['answer']> = {}): Promise<T['result']> {
    return this.carryOut(options, (exchange, leftMs) =>
      exchange.request(body, { ...options, timeoutMs: optionOf(leftMs) }),
    );
  }

  /**
   * Asks for items, as `ExchangeHandler.stream`; the call begins when the first item is asked for. Until that item has come
   * it is asked again as far as `retry` allows. A connection that is lost later fails the stream: ask for a new one from the
   * last item on. `itemTimeoutMs` is the wait for a connection, and then that for each item; by default `timeoutMs` of this
   * client.
   */
  stream(
    body: T['call'],
    options: StreamOptions<T['answer']> = {},
  ): AsyncIterableIterator<T['result']> {
    return new RequestStream((left) => this.beginStream(body, options, left), options.input);
  }

  private beginStream(
    body: T['call'],
    options: StreamOptions<T['answer']>,
    left: AbortSignal,
  ): Promise<BegunStream<T['result']>> {
    const resolved = STREAM_OPTIONS.resolve(options);
    const { timeoutMs, itemTimeoutMs = this.timeoutMs } = resolved;
    const until = this.clock.now() + timeoutMs;
    const { itemTimeoutMs: _, ...call } = options;
    const signal = options.signal === undefined ? left : AbortSignal.any([options.signal, left]);
    const waiting = { ...call, signal, timeoutMs: optionOf(Math.min(timeoutMs, itemTimeoutMs)) };
    return this.carryOut(waiting, async (exchange) => {
      const leftMs = Math.max(1, Math.ceil(until - this.clock.now()));
      const times = { timeoutMs: optionOf(leftMs), itemTimeoutMs: optionOf(itemTimeoutMs) };
      const items = exchange.stream(body, { ...options, ...times, signal });
      return { items, first: await items.next() };
    });
  }

  /**
   * Sends a notice, which has no answer. Succeeds when the kernel has it, which does not mean that it arrived; never throws.
   *
   * Without a connection it waits, in line with the calls, and fails as they do: `TIMEOUT_REQUEST`, `OPERATION_ABORTED`,
   * `REJECTED_QUEUE`, or the error of the client when that is closed. Once a connection has it, time and signal have no effect
   * until that is lost. Then it fails with `REQUEST_LOST`, whose `details.sent` is false only if no byte of it can have left,
   * unless `retry` allows a repetition within its time.
   */
  notify(body: T['call'], options: Omit<CallOptions, 'input'> = {}): WriteFuture {
    const notice = new SettableFuture();
    const tell = async (exchange: ExchangeHandler<T>): Promise<void> => {
      const write = exchange.notify(body);
      await write.catch((error: unknown) => {
        throw noticeError(toError(error), write.mayHaveLeft);
      });
    };
    this.carryOut(options, tell).then(
      () => notice.succeed(),
      (error: Error) => {
        if (wasSent(error)) notice.handOver();
        notice.fail(error);
        this.unseen.add(notice);
      },
    );
    return notice;
  }

  /** Closes the client for good: waiting calls fail, and calls under way end with their connections. */
  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
  }

  /** As {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Does it on a connection, and on later ones as far as `retry` and its time allow. */
  private carryOut<R>(options: CallOptions, send: Send<T, R>): Promise<R> {
    return new Promise((resolve, reject) => {
      const { timeoutMs = this.timeoutMs, signal, input } = CALL_OPTIONS.resolve(options);
      let mayHaveLeft = false;
      let isGiven = false;
      const failed = (error: unknown): void => {
        // Once it has the input, the exchange of the connection gives it up.
        if (input !== undefined && !isGiven) void giveUpUnread(input);
        reject(mayHaveLeft ? afterSent(error) : error);
      };
      const ask: Ask = (channel) => {
        const leftMs = Math.ceil(call.deadline - this.clock.now());
        // The timer comes late when the process stood still.
        if (leftMs <= 0) return call.reject(requestTimedOut(call.timeoutMs, false));
        const exchange = exchangeOf<T>(channel);
        isGiven = true;
        send(exchange, leftMs).then(resolve, (error: unknown) => {
          const isOver = endIfOver(channel, error);
          // Items of the caller cannot be read twice.
          if (!isOver || input !== undefined || !this.mayAskAgain(error)) return failed(error);
          mayHaveLeft ||= wasSent(error);
          this.submit(call, signal);
        });
      };
      const call = new Call(ask, timeoutMs, resolve as never, failed);
      call.deadline = this.clock.now() + call.timeoutMs;
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
        const counts = client.channel?.pipeline.get(ExchangeHandler)?.counts;
        return counts === undefined ? 0 : counts.inFlight + counts.queued;
      },
      takes: () => client.channel !== undefined,
      send: (call) => {
        // It waits no more: the exchange of the connection has it.
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

  /** Why no connection will come any more, if all clients are closed. */
  private closedError(): Error | undefined {
    let error: Error | undefined;
    for (const { state } of this.clients) {
      if (state.name !== 'closed') return undefined;
      error ??= state.error;
    }
    return error === undefined ? closedError() : toError(error);
  }

  /** One line for each absence. */
  private watchFailures(): UnseenFailures {
    const text = 'a notice failed, and nothing handled its error';
    return new UnseenFailures(this.clock, (error) => this.logger.log('warn', text, error));
  }
}

function optionOf(timeMs: number): number | false {
  return Number.isFinite(timeMs) ? timeMs : false;
}

function exchangeOf<T extends ExchangeTypes>(channel: Channel): ExchangeHandler<T> {
  const exchange = channel.pipeline.get(ExchangeHandler) as ExchangeHandler<T> | undefined;
  if (exchange !== undefined) return exchange;
  const text = 'the pipeline of a RequestClient needs an ExchangeHandler as its last handler';
  throw new OptionError('OPTION_CONFLICT', text, { option: 'client.bootstrap' });
}

/**
 * True if nothing can be asked over this connection any more. With `allowHalfOpen` it may go on with one half: a
 * call would find it again and again, so it ends. A full queue on its way is not a reason to end it, nor to try again at once.
 */
function endIfOver(channel: Channel, error: unknown): boolean {
  if (!isHeadraceError(error, 'REQUEST_LOST')) return false;
  if (isHeadraceError(error.cause, 'OUTBOUND_FULL') && channel.isOpen) return false;
  channel.end();
  return true;
}
