import assert from 'node:assert';
import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { Bootstrap, isHeadraceError, ServerBootstrap } from '@headrace/core';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import * as z from 'zod';
import type { CallOptions } from '../../src/exchange/exchange-options.ts';
import {
  call,
  clientOf,
  defineService,
  ExchangeHandler,
  exponential,
  type JsonRpcExchange,
  jsonRpcExchange,
  RetryBudget,
  refusal,
  type ServicePlace,
  ServicePlaces,
  serve,
} from '../../src/index.ts';

/** The parts of the scenario that a broken variant has otherwise. */
export interface ServiceVariant {
  /** Declares what may be carried out only once as idempotent. */
  readonly buysAgain?: boolean;
  /** The options of an attempt, as its place gets them. */
  readonly optionsOf?: (options: CallOptions) => CallOptions;
  /** An error of an attempt, as its place gives it. */
  readonly errorOf?: (error: unknown) => unknown;
}

const CALLS_AT_ONCE = 3;
const CALL_TIMEOUT_MS = 2000;
/** Times are rounded up to milliseconds, by the attempt and by the timer. */
const LATE_MS = 3;
const ATTEMPTS = 5;
const FAULTS_MS = 4000;
const FAULT_MS = { minMs: 50, maxMs: 2000 };
/** By then TCP has sent again what was lost, or given up. After the first answers behind the faults nobody asks any more. */
const CALLS_MS = FAULTS_MS + 12_000;
const PLACES = ['east', 'west'] as const;

const format = jsonRpcExchange();
const wire = () => [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;
const Numbered = z.object({ number: z.number(), text: z.string().optional() });
const ordersOf = (idempotent: boolean) =>
  defineService('orders', {
    get: call(Numbered, z.number(), { idempotent: true }),
    buy: call(Numbered, z.number(), { idempotent }),
  });
type Orders = ReturnType<typeof ordersOf>;

/** Attempts that were carried out, by the number of their call; it survives the crashes of the servers. */
type Executed = Map<number, number>;

/**
 * A client with retries that calls two servers over a network that fails. Every call settles within its time; what is
 * not idempotent is carried out once at most, and what says that it was not sent, not at all.
 */
export const simulatedService = (variant: ServiceVariant) => async (sim: Simulation) => {
  const orders = ordersOf(variant.buysAgain === true);
  const executed: Executed = new Map();
  const buyer = new Buyer(orders, variant, executed);
  for (const name of PLACES) sim.host(name, (host) => served(host, orders, executed));
  sim.host('client', (host) => buyer.start(host));
  for (const name of PLACES) sim.link('client', name).latency({ minMs: 5, maxMs: 100 });
  const chaos = { partition: 30, reset: 45, crash: 20 };
  sim.chaos({ ...chaos, hosts: [...PLACES], forMs: FAULT_MS, untilMs: FAULTS_MS });
  await sim.run({ untilMs: CALLS_MS + 2 * CALL_TIMEOUT_MS });
  buyer.check();
};

async function served(host: SimulatedHost, orders: Orders, executed: Executed): Promise<void> {
  let asked = 0;
  const run = (number: number): Promise<number> => {
    asked += 1;
    if (asked % 9 === 0) throw refusal(format.codes!.overloaded, 'too much', { retryAfterMs: 60 });
    const times = (executed.get(number) ?? 0) + 1;
    executed.set(number, times);
    const tookMs = asked % 7 === 0 ? 900 : number % 200;
    return new Promise((resolve) => void host.clock.schedule(() => resolve(number), tookMs));
  };
  const buy = (number: number): Promise<number> => {
    assert.ok(!executed.has(number), `bought ${number} twice`);
    return run(number);
  };
  const handle = serve(orders, {
    get: ({ number }) => run(number),
    buy: ({ number }) => buy(number),
  });
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler(({ pipeline }) =>
      pipeline.addLast(...wire(), new ExchangeHandler({ format, concurrency: 4, handle })),
    )
    .bind({ network: host, port: 7000 });
}

/** A server as a place: its connection, and another one some time after each loss. */
class Place implements ServicePlace {
  private readonly host: SimulatedHost;
  private readonly name: string;
  private readonly variant: ServiceVariant;
  private exchange!: ExchangeHandler<JsonRpcExchange>;

  constructor(host: SimulatedHost, name: string, variant: ServiceVariant) {
    this.host = host;
    this.name = name;
    this.variant = variant;
    this.connect();
  }

  get isReady(): boolean {
    return this.exchange.isReady;
  }

  async request(body: JsonRpcExchange['call'], given: CallOptions = {}): Promise<unknown> {
    const { optionsOf = (options) => options, errorOf = (error) => error } = this.variant;
    try {
      return await this.exchange.request(body, optionsOf(given));
    } catch (thrown) {
      throw errorOf(thrown);
    }
  }

  stream(body: JsonRpcExchange['call']): AsyncIterable<unknown> {
    return this.exchange.stream(body);
  }

  notify(body: JsonRpcExchange['call']) {
    return this.exchange.notify(body);
  }

  private connect(): void {
    const { host, name } = this;
    const again = () => void host.clock.schedule(() => this.connect(), 300);
    const exchange = new ExchangeHandler({ format, maxInFlight: 4, timeoutMs: CALL_TIMEOUT_MS });
    new Bootstrap()
      .options(host.options)
      .handler(({ pipeline }) => pipeline.addLast(...wire(), exchange))
      .connect({ network: host, host: name, port: 7000 })
      .then((channel) => {
        this.exchange = exchange;
        channel.onClosed(again);
      }, again);
    this.exchange ??= exchange;
  }
}

/** Makes calls of both kinds until some time after the faults. */
class Buyer {
  private readonly orders: Orders;
  private readonly variant: ServiceVariant;
  private readonly executed: Executed;
  private readonly faults: string[] = [];
  /** Calls that have not settled. */
  private readonly open = new Set<number>();
  private readonly answeredAtLast = new Set<string>();
  private places: ServicePlaces | undefined;
  private asked = 0;

  constructor(orders: Orders, variant: ServiceVariant, executed: Executed) {
    this.orders = orders;
    this.variant = variant;
    this.executed = executed;
  }

  async start(host: SimulatedHost): Promise<void> {
    const { clock, random } = host;
    const places = PLACES.map((name) => new Place(host, name, this.variant));
    this.places = new ServicePlaces(places, { clock, random, restMs: 200 });
    const api = clientOf(this.orders, this.places, {
      clock,
      random,
      timeoutMs: CALL_TIMEOUT_MS,
      budget: new RetryBudget({ perSecond: 50, burst: 50 }),
      retry: {
        attempts: ATTEMPTS,
        backoff: exponential({ baseMs: 30, maxMs: 300 }),
        attemptTimeoutMs: 400,
      },
    });
    const timeoutMs = CALL_TIMEOUT_MS;
    for (let i = 0; i < CALLS_AT_ONCE; i += 1) {
      this.next(host, 'get', (input) => api.get(input));
      this.next(host, 'buy', (input) => api.buy(input, { timeoutMs }));
    }
  }

  private next(
    host: SimulatedHost,
    kind: string,
    make: (input: { number: number; text: string }) => Promise<number>,
  ): void {
    const { clock } = host;
    if (this.answeredAtLast.has(kind) || clock.now() > CALLS_MS) return;
    this.asked += 1;
    const number = this.asked;
    const begunAt = clock.now();
    this.open.add(number);
    const settled = (): void => {
      this.open.delete(number);
      const tookMs = clock.now() - begunAt;
      if (tookMs > CALL_TIMEOUT_MS + LATE_MS) this.faults.push(`${kind} took ${tookMs} ms`);
      if ((this.executed.get(number) ?? 0) > ATTEMPTS) this.faults.push(`${kind} again and again`);
      clock.schedule(() => this.next(host, kind, make), 50);
    };
    // Some are large, so that losses come within them.
    make({ number, text: 'x'.repeat(number % 5 === 0 ? 6000 : 10) }).then(
      (answer) => {
        if (answer !== number) this.faults.push(`${kind} has the answer of another call`);
        if (clock.now() > FAULTS_MS) this.answeredAtLast.add(kind);
        settled();
      },
      (error: unknown) => {
        const isUnsent = isHeadraceError(error) && error.details['sent'] === false;
        const times = this.executed.get(number) ?? 0;
        if (isUnsent && times > 0) this.faults.push(`${kind} was not sent, and carried out`);
        if (!isHeadraceError(error)) this.faults.push(String(error));
        settled();
      },
    );
  }

  check(): void {
    assert.deepEqual(this.faults, []);
    assert.deepEqual([...this.open], [], 'calls that never settled');
    assert.deepEqual([...this.answeredAtLast].sort(), ['buy', 'get'], 'answered behind the faults');
    assert.deepEqual(this.places?.loads, [0, 0], 'calls that are counted for ever');
  }
}
