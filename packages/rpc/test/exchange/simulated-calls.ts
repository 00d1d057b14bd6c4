import assert from 'node:assert';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, isHeadraceError, ServerBootstrap } from '@headrace/core';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '../../src/index.ts';

/** True if a call that failed may be made again, and is surely not executed twice. */
export type MayAskAgain = (error: unknown) => boolean;

/** As it should be: only what was not sent. */
export const onlyUnsent: MayAskAgain = (error) =>
  isHeadraceError(error, 'REQUEST_LOST') && error.details['sent'] === false;

const CALLS_AT_ONCE = 4;
const CALL_TIMEOUT_MS = 2000;
/** Short, and so full of faults that a second of it costs as much as a minute of quiet weather, and finds more. */
const FAULTS_MS = 4000;
const FAULT_MS = { minMs: 50, maxMs: 2000 };
/** By then TCP has sent again what was lost, or given up. After the first answer behind the faults nobody asks any more. */
const CALLS_MS = FAULTS_MS + 12_000;
/** Longer than a call may take; connecting again and again costs most of a quiet minute. */
export const SETTLE_MS = 2500;
const format = binaryExchange();
const frames = () => lengthPrefixed({ maxFrameLength: 100_000 });

/** A client that calls a server over a network that fails; what the server has executed survives its crashes. */
export const simulatedCalls = (mayAskAgain: MayAskAgain) => async (sim: Simulation) => {
  const executed = new Set<number>();
  const caller = new Caller(mayAskAgain, executed);
  sim.host('server', (host) => serve(host, executed));
  sim.host('client', (host) => caller.start(host));
  sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 });
  const chaos = { partition: 30, reset: 45, crash: 20 };
  sim.chaos({ ...chaos, hosts: ['server'], forMs: FAULT_MS, untilMs: FAULTS_MS });
  await sim.run({ untilMs: CALLS_MS + CALL_TIMEOUT_MS + 1000 });
  caller.check();
};

async function serve(host: SimulatedHost, executed: Set<number>): Promise<void> {
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler(({ pipeline }) =>
      pipeline.addLast(
        ...frames(),
        new ExchangeHandler({
          format,
          concurrency: 3,
          handle: (body) => {
            const number = body.readUInt32BE();
            assert.ok(!executed.has(number), `executed ${number} twice`);
            executed.add(number);
            return new Promise((resolve) =>
              host.clock.schedule(() => resolve(body.subarray(0, 4)), number % 300),
            );
          },
        }),
      ),
    )
    .bind({ network: host, port: 7000 });
}

/** A client's connection to the server, and another one 500 ms after each loss. */
export function connectAgain(
  host: SimulatedHost,
  makeExchange: () => ExchangeHandler<BinaryExchange>,
  connected: (exchange: ExchangeHandler<BinaryExchange>, channel: Channel) => void,
): void {
  const exchange = makeExchange();
  const again = () =>
    void host.clock.schedule(() => connectAgain(host, makeExchange, connected), 500);
  new Bootstrap()
    .options(host.options)
    .handler(({ pipeline }) => pipeline.addLast(...frames(), exchange))
    .connect({ network: host, host: 'server', port: 7000 })
    .then((channel: Channel) => {
      connected(exchange, channel);
      channel.onClosed(again);
    }, again);
}

/** Makes calls until some time after the faults, and connects again after each loss. */
class Caller {
  private readonly mayAskAgain: MayAskAgain;
  private readonly executed: ReadonlySet<number>;
  private readonly exchanges: ExchangeHandler<BinaryExchange>[] = [];
  /** Calls that have not settled; a call that settles twice would be taken out twice. */
  private readonly open = new Set<number>();
  private asked = 0;
  private answeredAtLast = false;

  constructor(mayAskAgain: MayAskAgain, executed: ReadonlySet<number>) {
    this.mayAskAgain = mayAskAgain;
    this.executed = executed;
  }

  async start(host: SimulatedHost): Promise<void> {
    this.connect(host);
    for (let i = 0; i < CALLS_AT_ONCE; i++) this.next(host);
  }

  private connect(host: SimulatedHost): void {
    const makeExchange = () =>
      new ExchangeHandler({ format, maxInFlight: 3, timeoutMs: CALL_TIMEOUT_MS });
    connectAgain(host, makeExchange, (exchange) => void this.exchanges.push(exchange));
  }

  private next(host: SimulatedHost): void {
    if (this.answeredAtLast || host.clock.now() > CALLS_MS) return;
    this.asked += 1;
    this.ask(host, this.asked);
  }

  private ask(host: SimulatedHost, number: number): void {
    const later = (task: () => void) => void host.clock.schedule(task, 50);
    const exchange = this.exchanges.at(-1);
    if (exchange === undefined) {
      later(() => this.ask(host, number));
      return;
    }
    // Some are large, so that losses come within them.
    const body = Buffer.alloc(number % 5 === 0 ? 6000 : 20);
    body.writeUInt32BE(number);
    this.open.add(number);
    exchange.request(body).then(
      (answer) => {
        assert.equal(answer.readUInt32BE(), number);
        assert.ok(this.executed.has(number));
        this.answeredAtLast ||= host.clock.now() > FAULTS_MS;
        this.settled(number);
        later(() => this.next(host));
      },
      (error: unknown) => {
        this.settled(number);
        if (this.mayAskAgain(error)) later(() => this.ask(host, number));
        else later(() => this.next(host));
      },
    );
  }

  private settled(number: number): void {
    assert.ok(this.open.delete(number), `call ${number} settled twice`);
  }

  check(): void {
    assert.deepEqual([...this.open], [], 'calls that never settled');
    assert.ok(this.answeredAtLast, 'no answer although the faults are over');
    for (const { counts } of this.exchanges) {
      assert.deepEqual([counts.inFlight, counts.queued, counts.unknownAnswers], [0, 0, 0]);
    }
  }
}
