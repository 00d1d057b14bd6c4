import assert from 'node:assert';
import { lengthPrefixed } from '@headrace/codec';
import { type Channel, ServerBootstrap } from '@headrace/core';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import {
  type BinaryExchange,
  type ExchangeFormat,
  ExchangeHandler,
  type ExchangeScope,
} from '../../src/index.ts';
import { connectAgain } from './simulated-calls.ts';

/** The parts of the scenario that a broken variant has otherwise. */
export interface StreamVariant {
  readonly format: ExchangeFormat<BinaryExchange>;
  /** Where a subscription goes on that was lost after this item. */
  readonly resumesAfter: (last: number) => number;
}

type Exchange = ExchangeHandler<BinaryExchange>;

const FAULTS_MS = 4000;
const FAULT_MS = { minMs: 50, maxMs: 2000 };
/** By then TCP has sent again what was lost, or given up. */
const CALLS_MS = FAULTS_MS + 12_000;
const WAIT_MS = 2000;
const ITEMS = 40;
const WINDOW = { windowItems: 5, windowBytes: 3000 };
const frames = () => lengthPrefixed({ maxFrameLength: 100_000 });

/** Every third is large, so that losses come within it, and bytes are the limit. */
function itemOf(number: number): Buffer {
  const item = Buffer.alloc(number % 3 === 0 ? 2500 : 40);
  item.writeUInt32BE(number);
  return item;
}

/**
 * A client that subscribes, uploads and does both at once, over a network that fails. A subscription goes on from its last
 * item; each of the three is whole once behind the faults, and nobody ends a connection because of a broken rule.
 */
export const simulatedStreams = (variant: StreamVariant) => async (sim: Simulation) => {
  const channels: Channel[] = [];
  const faults: unknown[] = [];
  const client = new Subscriber(variant, channels, faults);
  sim.host('server', (host) => serve(host, variant, channels, faults));
  sim.host('client', (host) => client.start(host));
  sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 });
  const chaos = { partition: 30, reset: 45, crash: 20 };
  sim.chaos({ ...chaos, hosts: ['server'], forMs: FAULT_MS, untilMs: FAULTS_MS });
  await sim.run({ untilMs: CALLS_MS + 2 * WAIT_MS });
  const badInput = channels.filter(({ closeInfo }) => closeInfo?.reason === 'bad-input');
  assert.deepEqual(badInput, [], 'a rule of streams is broken');
  client.check();
};

async function serve(
  host: SimulatedHost,
  { format }: StreamVariant,
  channels: Channel[],
  faults: unknown[],
): Promise<void> {
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler((channel) => {
      channels.push(channel);
      channel.pipeline.addLast(
        ...frames(),
        new ExchangeHandler({
          format,
          ...WINDOW,
          concurrency: 3,
          handle: (body, scope) => answer(body, scope, host, faults),
        }),
      );
    })
    .bind({ network: host, port: 7000 });
}

function answer(
  body: Buffer,
  scope: ExchangeScope<BinaryExchange>,
  host: SimulatedHost,
  faults: unknown[],
): Promise<Buffer> | AsyncGenerator<Buffer> {
  const kind = String.fromCharCode(body[0]!);
  if (kind === 'w') return numbers(body.readUInt32BE(1), host);
  if (kind === 'u') return count(scope.items, host, faults);
  return echo(scope.items);
}

async function* numbers(from: number, host: SimulatedHost): AsyncGenerator<Buffer> {
  for (let number = from; number < ITEMS; number++) {
    if (number % 7 === 0) await pause(host, number * 3);
    yield itemOf(number);
  }
}

async function count(
  items: AsyncIterable<Buffer>,
  host: SimulatedHost,
  faults: unknown[],
): Promise<Buffer> {
  let next = 0;
  for await (const item of items) {
    if (item.readUInt32BE() !== next) faults.push('an upload has a gap');
    next += 1;
    if (next % 9 === 0) await pause(host, next);
  }
  return itemOf(next);
}

async function* echo(items: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const item of items) yield item;
}

function pause(host: SimulatedHost, ms: number): Promise<void> {
  return new Promise((resolve) => void host.clock.schedule(resolve, ms));
}

class Subscriber {
  private readonly variant: StreamVariant;
  private readonly channels: Channel[];
  private readonly faults: unknown[];
  private readonly exchanges: Exchange[] = [];
  private readonly wholeAtLast = new Set<string>();
  private last = -1;

  constructor(variant: StreamVariant, channels: Channel[], faults: unknown[]) {
    this.variant = variant;
    this.faults = faults;
    this.channels = channels;
  }

  async start(host: SimulatedHost): Promise<void> {
    this.connect(host);
    this.again(host, 'w', (exchange) => this.watch(exchange));
    this.again(host, 'u', (exchange) => this.upload(exchange));
    this.again(host, 'e', (exchange) => this.both(exchange, host));
  }

  private connect(host: SimulatedHost): void {
    const { format } = this.variant;
    const makeExchange = () => new ExchangeHandler({ format, ...WINDOW, timeoutMs: WAIT_MS });
    connectAgain(host, makeExchange, (exchange, channel) => {
      this.channels.push(channel);
      this.exchanges.push(exchange);
    });
  }

  /** Tries until it was whole once behind the faults. */
  private again(host: SimulatedHost, kind: string, task: (exchange: Exchange) => Promise<void>) {
    const later = () => void host.clock.schedule(() => this.again(host, kind, task), 50);
    const exchange = this.exchanges.at(-1);
    if (this.wholeAtLast.has(kind) || host.clock.now() > CALLS_MS) return;
    if (exchange === undefined) {
      later();
      return;
    }
    task(exchange).then(
      () => {
        if (host.clock.now() > FAULTS_MS) this.wholeAtLast.add(kind);
        later();
      },
      (error: unknown) => {
        if (error instanceof assert.AssertionError) this.faults.push(error.message);
        later();
      },
    );
  }

  private async watch(exchange: Exchange): Promise<void> {
    const body = Buffer.alloc(5, 'w');
    body.writeUInt32BE(this.variant.resumesAfter(this.last), 1);
    for await (const item of exchange.stream(body)) {
      const number = item.readUInt32BE();
      assert.equal(number, this.last + 1, 'a subscription in order, without a gap');
      this.last = number;
    }
    assert.equal(this.last, ITEMS - 1, 'a subscription that ended is whole');
    this.last = -1;
  }

  private async upload(exchange: Exchange): Promise<void> {
    const input = Array.from({ length: ITEMS }, (_, number) => itemOf(number));
    const answer = await exchange.request(Buffer.from('u'), { input, timeoutMs: 5 * WAIT_MS });
    assert.equal(answer.readUInt32BE(), ITEMS);
  }

  private async both(exchange: Exchange, host: SimulatedHost): Promise<void> {
    let next = 0;
    const items = exchange.stream(Buffer.from('e'), { input: numbers(0, host) });
    for await (const item of items) {
      assert.equal(item.readUInt32BE(), next, 'an echo in order, without a gap');
      next += 1;
      if (next % 11 === 0) await pause(host, next);
    }
    assert.equal(next, ITEMS);
  }

  check(): void {
    assert.deepEqual(this.faults, []);
    assert.deepEqual([...this.wholeAtLast].sort(), ['e', 'u', 'w'], 'whole behind the faults');
    for (const { counts } of this.exchanges) {
      assert.deepEqual([counts.inFlight, counts.queued, counts.unknownAnswers], [0, 0, 0]);
    }
  }
}
