import assert from 'node:assert';
import { RequestClient, RetryBudget } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, isHeadraceError, type Server, ServerBootstrap } from '@headrace/core';
import { emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { badWeather } from './bad-weather.ts';

/** `unsent` as it should be; `idempotent` is wrong for calls that must not be executed twice. */
export type RequestRetry = 'unsent' | 'idempotent';

const FAULTS_MS = 4000;
const PORTS = [7, 8];
const LAST_CALL_MS = 9000;
const QUIET_MS = 14_000;
const CALLS_AT_ONCE = 6;
const format = binaryExchange();
const frames = () => lengthPrefixed({ maxFrameLength: 100_000 });

/** A client that calls a server; what was executed survives the server's crashes. */
class RequestWorld {
  private readonly sim: Simulation;
  private readonly retry: RequestRetry;
  private readonly executed = new Set<number>();
  /** Calls that failed, and surely were not sent. */
  private readonly unsent = new Set<number>();
  private readonly open = new Set<number>();
  private asked = 0;
  private answeredAt = 0;
  private client!: RequestClient;

  constructor(sim: Simulation, retry: RequestRetry) {
    this.sim = sim;
    this.retry = retry;
  }

  /** Two places, so that a client can go elsewhere after a planned end. */
  async serve(host: SimulatedHost): Promise<void> {
    const servers = await Promise.all(PORTS.map((port) => this.listen(host, port)));
    this.planEnds(host, servers);
  }

  /** Drains one of the places again and again, and opens it again. */
  private planEnds(host: SimulatedHost, servers: Server[]): void {
    if (this.sim.now > FAULTS_MS) return;
    host.clock.schedule(async () => {
      const i = Math.floor(host.random() * PORTS.length);
      await servers[i]!.shutdown({ drainTimeoutMs: 1000 });
      servers[i] = await this.listen(host, PORTS[i]!);
      this.planEnds(host, servers);
    }, host.random() * 2000);
  }

  private listen(host: SimulatedHost, port: number): Promise<Server> {
    const handle = (body: Buffer): Promise<Buffer> => {
      const number = body.readUInt32BE();
      assert.ok(!this.executed.has(number), `executed ${number} twice`);
      this.executed.add(number);
      return new Promise((resolve) => {
        host.clock.schedule(() => resolve(body.subarray(0, 4)), host.random() ** 3 * 900);
      });
    };
    return new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(
          ...frames(),
          heartbeat(host, false),
          new ExchangeHandler({ format, handle, concurrency: 3 }),
        ),
      )
      .bind({ network: host, port });
  }

  call(host: SimulatedHost): void {
    const { retry, sim } = this;
    const client = new RequestClient({
      client: {
        bootstrap: new Bootstrap()
          .options(host.options)
          .handler(({ pipeline }) =>
            pipeline.addLast(
              ...frames(),
              heartbeat(host, 800),
              new ExchangeHandler({ format, maxInFlight: 3, maxQueued: 2 }),
            ),
          ),
        addresses: PORTS.map((port) => ({ network: host, host: 'server', port })),
        retry: () => 50 + host.random() * 300,
        connectTimeoutMs: 1500,
        random: host.random,
        ...host.options,
      },
      retry,
      ...(retry === 'idempotent' && { budget: new RetryBudget({ perSecond: 100, burst: 100 }) }),
      connections: host.random() < 0.5 ? 1 : 2,
      timeoutMs: 3000,
      maxWaiting: 4,
    });
    this.client = client;
    sim.watch(host, 'calls that wait', () => client.waiting);
    void client.start();
    for (let i = 0; i < CALLS_AT_ONCE; i += 1) this.next(host);
  }

  private next(host: SimulatedHost): void {
    host.clock.schedule(() => {
      if (this.sim.now > LAST_CALL_MS) return;
      void this.ask(host).finally(() => this.next(host));
    }, host.random() * 200);
  }

  private async ask(host: SimulatedHost): Promise<void> {
    this.asked += 1;
    const number = this.asked;
    // Some are large, so that losses come within them.
    const body = Buffer.alloc(host.random() < 0.2 ? 6000 : 20);
    body.writeUInt32BE(number);
    const abort = new AbortController();
    if (host.random() < 0.1) {
      host.clock.schedule(() => abort.abort(new Error('changed its mind')), host.random() * 500);
    }
    this.open.add(number);
    try {
      const answer = await this.client.request(body, { signal: abort.signal });
      assert.equal(answer.readUInt32BE(), number);
      assert.ok(this.executed.has(number), `${number} was answered and not executed`);
      this.answeredAt = this.sim.now;
    } catch (error) {
      assert.ok(isHeadraceError(error), String(error));
      if (error.details['sent'] === false) this.unsent.add(number);
    }
    this.open.delete(number);
  }

  check(): void {
    assert.deepEqual([...this.open], [], 'calls that never settled');
    assert.ok(this.answeredAt > FAULTS_MS, 'no answer although the faults are over');
    for (const number of this.unsent) {
      assert.ok(!this.executed.has(number), `${number} was executed, and not sent`);
    }
    for (const { state } of this.client.clients) assert.equal(state.name, 'online');
  }
}

/** Empty frames: no message of the exchange is empty. */
function heartbeat(host: SimulatedHost, intervalMs: number | false): HeartbeatHandler<Buffer> {
  const format = emptyFrameHeartbeat();
  const silence = intervalMs === false ? { silenceMs: 2500 } : { intervalMs, timeoutMs: 800 };
  return new HeartbeatHandler({ format, random: host.random, ...silence });
}

/** Every call settles, none is executed twice, and none that was not sent is executed. */
export const requestScenario =
  (retry: RequestRetry = 'unsent'): Scenario =>
  async (sim) => {
    const world = new RequestWorld(sim, retry);
    sim.host('server', (host) => world.serve(host));
    sim.host('client', (host) => world.call(host));
    sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 }).buffer(8000);
    badWeather(sim, FAULTS_MS);
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };

/** Longer than a call may take. */
export const SETTLE_MS = 4000;
