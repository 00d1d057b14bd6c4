import assert from 'node:assert';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, ServerBootstrap } from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import { LastingBootstrap, ResumeHandler, ResumeTable } from '@headrace/lasting';
import {
  type BinaryExchange,
  binaryExchange,
  ExchangeHandler,
  type ExchangeScope,
} from '@headrace/rpc';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';

/** The last fault is over, and the last page has made its last call. */
const FAULTS_MS = 12_000;
const RELOADS = 5;
const RELOAD_MS = 2000;
/** Longer than any fault, so that a page that lives keeps its channel. */
const WINDOW_MS = 6000;
/** All is answered, and what old pages have left is gone with the window. */
const QUIET_MS = FAULTS_MS + 2 * WINDOW_MS;
const format = emptyFrameHeartbeat();
const frames = () => lengthPrefixed({ maxFrameLength: 10_000 });

/** A call of a page that ends with it. */
const endless = (page: number): string => `${page}.endless`;
const isEndless = (call: string): boolean => call.endsWith('endless');

/** A page asks a server over a lasting channel, and is reloaded while calls are under way. */
class ReloadWorld {
  /** The number of the page that is shown, from 0. */
  private shown = -1;
  /** Calls of the page that is shown that were made, and that were answered. */
  private asked = 0;
  private answered = 0;
  private readonly executed = new Set<string>();
  /** Calls that the server works on. */
  private readonly underWay = new Set<string>();
  private table: ResumeTable | undefined = undefined;
  private channel: Channel | undefined = undefined;
  private readonly sim: Simulation;

  constructor(sim: Simulation) {
    this.sim = sim;
  }

  async serve(host: SimulatedHost): Promise<void> {
    const table = new ResumeTable({ windowMs: WINDOW_MS, random: host.randomBytes });
    this.table = table;
    const handle = (request: Buffer, scope: ExchangeScope) => this.work(host, request, scope);
    await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(
          ...frames(),
          new HeartbeatHandler({ format, silenceMs: 2500, random: host.random }),
          new ResumeHandler({
            table,
            childHandler: (channel) => channel.pipeline.addLast(exchange(handle)),
            childOptions: host.options,
          }),
        ),
      )
      .bind({ network: host, port: 7 });
  }

  private work(host: SimulatedHost, request: Buffer, scope: ExchangeScope): Promise<Buffer> {
    const call = String(request);
    assert.ok(!this.executed.has(call), `the call ${call} was executed twice`);
    this.executed.add(call);
    this.underWay.add(call);
    return new Promise((resolve) => {
      const over = (): void => {
        this.underWay.delete(call);
        resolve(request);
      };
      const timer = isEndless(call) ? undefined : host.clock.schedule(over, host.random() * 1500);
      scope.signal.addEventListener('abort', () => {
        timer?.cancel();
        over();
      });
    });
  }

  /** A page, from its first line on. */
  show(host: SimulatedHost): void {
    this.shown += 1;
    this.asked = this.answered = 0;
    void new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options(host.options)
        .handler(({ pipeline }) =>
          pipeline.addLast(
            ...frames(),
            new HeartbeatHandler({ format, intervalMs: 800, timeoutMs: 800, random: host.random }),
          ),
        ),
      addresses: [{ network: host, host: 'server', port: 7 }],
      retry: () => 100 + host.random() * 400,
      connectTimeoutMs: 1500,
      readyTimeoutMs: 2000,
      windowMs: WINDOW_MS,
      random: host.random,
      ...host.options,
    })
      .handler(({ pipeline }) => pipeline.addLast(exchange()))
      .connect()
      .then((channel) => {
        this.channel = channel as Channel;
        const exchange = channel.pipeline.get(ExchangeHandler)!;
        // It ends with its page, or with the simulation.
        exchange.request(Buffer.from(endless(this.shown))).catch(() => {});
        this.ask(host, this.channel);
      });
  }

  private ask(host: SimulatedHost, channel: Channel): void {
    this.asked += 1;
    const call = `${this.shown}.${this.asked}`;
    void channel.pipeline
      .get(ExchangeHandler)!
      .request(Buffer.from(call))
      .then((answer) => {
        assert.equal(String(answer), call);
        this.answered += 1;
      });
    if (this.sim.now < FAULTS_MS) {
      host.clock.schedule(() => this.ask(host, channel), host.random() * 400);
    }
  }

  /** The browser ends the page; it may have heard of it before, and have said so on its connection. */
  reload(isTold: boolean): void {
    if (isTold) this.channel?.close();
    this.sim.stop('page');
    this.sim.restart('page');
  }

  check(): void {
    assert.equal(this.shown, RELOADS);
    assert.ok(this.channel?.isActive === true, 'the page has no channel');
    assert.ok(this.asked > 0, 'nothing was asked');
    assert.equal(this.answered, this.asked, 'a call of the page that is shown has no answer');
    assert.equal(this.table?.size, 1, 'the channel of an old page is there');
    assert.deepEqual(
      [...this.underWay],
      [endless(this.shown)],
      'the server works for a page that is gone',
    );
  }
}

function exchange(
  handle?: (request: Buffer, scope: ExchangeScope) => Promise<Buffer>,
): ExchangeHandler<BinaryExchange> {
  return new ExchangeHandler<BinaryExchange>({
    format: binaryExchange(),
    timeoutMs: false,
    ...(handle && { handle }),
  });
}

/** No call is executed twice, and those of the page that is shown are answered, however often it was reloaded. */
export const reloadScenario: Scenario = async (sim) => {
  const world = new ReloadWorld(sim);
  sim.host('server', (host) => world.serve(host));
  sim.host('page', (host) => world.show(host));
  sim.link('page', 'server').latency({ minMs: 5, maxMs: 100 }).buffer(4096);
  for (let time = 1; time <= RELOADS; time += 1) {
    sim.at(time * RELOAD_MS, () => world.reload(time % 2 === 0));
  }
  const forMs = { minMs: 50, maxMs: 2000 };
  sim.chaos({ partition: 20, reset: 30, slow: 10, freeze: 10, forMs, untilMs: FAULTS_MS });
  await sim.run({ untilMs: QUIET_MS });
  world.check();
};

/** How long the end of each seed takes: longer than the window. */
export const RELOAD_SETTLE_MS = 10_000;
