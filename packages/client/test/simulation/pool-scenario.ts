import assert from 'node:assert';
import { ChannelPool, type Lease } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, ServerBootstrap } from '@headrace/core';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { badWeather } from './bad-weather.ts';

/** What a user does wrong on purpose: gives a lease back twice; gives it back although its answer may still come. */
export type PoolMistake = 'gives back twice' | 'gives back too early';

const FAULTS_MS = 4000;
const LAST_QUESTION_MS = 10_000;
const QUIET_MS = 14_000;
const MAX = 3;
const USERS = 7;

/** Users who ask questions over the connections of a pool: an answer belongs to the last question. */
class PoolWorld {
  private readonly sim: Simulation;
  private readonly mistake: PoolMistake | undefined;
  private readonly faults: string[] = [];
  private readonly channels = new Set<Channel>();
  private readonly leased = new Set<Channel>();
  /** Who waits for the next line of a connection. */
  private readonly listeners = new Map<Channel, (line: string) => void>();
  private pool!: ChannelPool<unknown>;
  private asked = 0;
  private acquiring = 0;
  private answeredAt = 0;
  private isClosing = false;

  constructor(sim: Simulation, mistake: PoolMistake | undefined) {
    this.sim = sim;
    this.mistake = mistake;
  }

  async serve(host: SimulatedHost): Promise<void> {
    await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(({ pipeline }) =>
        pipeline.addLast(...textLines(), {
          channelRead: (ctx: Context, line: string) => {
            const answer = () => void ctx.writeAndFlush(line).onSettled(() => {});
            host.clock.schedule(answer, host.random() ** 3 * 600);
          },
        }),
      )
      .bind({ network: host, port: 7 });
  }

  use(host: SimulatedHost): void {
    const healthCheck = (channel: Channel) => this.ask(host, channel, 'are you well');
    this.pool = new ChannelPool({
      bootstrap: this.bootstrap(host),
      place: { network: host, host: 'server', port: 7 },
      max: MAX,
      min: host.random() < 0.3 ? 1 : 0,
      maxWaiting: 4,
      acquireTimeoutMs: 1500,
      order: host.random() < 0.5 ? 'lifo' : 'fifo',
      idleMs: 700,
      maxAgeMs: 4000,
      maxUses: 6,
      clock: host.clock,
      ...(host.random() < 0.4 && { healthCheck, checkOnRelease: host.random() < 0.5 }),
    });
    for (let i = 0; i < USERS; i += 1) this.next(host);
    const closesEarly = host.random() < 0.2;
    const closeAt = closesEarly ? host.random() * LAST_QUESTION_MS : LAST_QUESTION_MS + 2500;
    host.clock.schedule(() => this.close(), closeAt);
    // Nobody goes on asking after an early end.
    if (closesEarly) this.answeredAt = Number.POSITIVE_INFINITY;
  }

  private bootstrap(host: SimulatedHost): Bootstrap {
    return new Bootstrap()
      .options({ ...host.options, connectTimeoutMs: 1000 })
      .handler((channel) => {
        this.channels.add(channel);
        channel.onClosed(() => this.channels.delete(channel));
        channel.pipeline.addLast(...textLines(), {
          channelRead: (_ctx: Context, line: string) => this.listeners.get(channel)?.(line),
        });
      });
  }

  private close(): void {
    this.isClosing = true;
    const { leased, idle, checking, connecting, waiting } = this.pool.metrics;
    if (this.sim.now > LAST_QUESTION_MS + 2000 && leased + checking + connecting + waiting > 0) {
      this.fault(`${JSON.stringify({ leased, idle, checking, connecting, waiting })} left`);
    }
    void this.pool.close();
  }

  private next(host: SimulatedHost): void {
    const pauseMs = host.random() ** 2 * 800;
    host.clock.schedule(() => {
      if (this.isClosing || this.sim.now > LAST_QUESTION_MS) return;
      this.useOnce(host).then(
        () => this.next(host),
        () => this.next(host),
      );
    }, pauseMs);
  }

  /** Rejects if there is no connection. */
  private async useOnce(host: SimulatedHost): Promise<void> {
    const abort = new AbortController();
    if (host.random() < 0.1) {
      host.clock.schedule(() => abort.abort(new Error('changed its mind')), host.random() * 300);
    }
    this.acquiring += 1;
    const lease = await this.pool.acquire({ signal: abort.signal }).finally(() => {
      this.acquiring -= 1;
      this.look();
    });
    const { channel } = lease;
    if (this.leased.has(channel)) this.fault('a connection has two users');
    this.leased.add(channel);
    this.look();
    const isAnswered = await this.ask(host, channel, 'question');
    this.leased.delete(channel);
    if (isAnswered) this.answeredAt = Math.max(this.answeredAt, this.sim.now);
    if (isAnswered || this.mistake === 'gives back too early') this.giveBack(host, lease);
    else lease.discard();
    this.look();
  }

  private giveBack(host: SimulatedHost, lease: Lease): void {
    lease.release();
    if (this.mistake !== 'gives back twice' || host.random() > 0.1) return;
    // As if the lease did not know that it is over.
    (lease as unknown as { isOver: boolean }).isOver = false;
    lease.release();
  }

  /** True if the right answer came in time. */
  private ask(host: SimulatedHost, channel: Channel, what: string): Promise<boolean> {
    this.asked += 1;
    const question = `${what} ${this.asked}`;
    return new Promise((resolve) => {
      const done = (isAnswered: boolean) => {
        this.listeners.delete(channel);
        timer.cancel();
        resolve(isAnswered);
      };
      const timer = host.clock.schedule(() => done(false), 900);
      this.listeners.set(channel, (line) => {
        if (line !== question) this.fault(`the answer to "${question}" is "${line}"`);
        done(true);
      });
      channel.onClosed(() => done(false));
      channel.writeAndFlush(question).onSettled(() => {});
    });
  }

  /** What holds at any time. */
  private look(): void {
    const { size, idle, leased, connecting, checking, waiting } = this.pool.metrics;
    const open = [...this.channels].filter((one) => one.isActive && !one.isEnding).length;
    if (size > MAX || open + connecting > MAX) {
      this.fault(`there are ${size}, ${open} open and ${connecting} connecting, of at most ${MAX}`);
    }
    if (Math.min(idle, leased, connecting, checking, waiting) < 0) this.fault('less than nothing');
  }

  private fault(text: string): void {
    this.faults.push(`at ${this.sim.now.toFixed(1)} ms: ${text}`);
  }

  check(): void {
    assert.deepEqual(this.faults.slice(0, 3), []);
    assert.equal(this.acquiring, 0, 'somebody still waits for a connection');
    assert.ok(this.answeredAt > FAULTS_MS, 'no answer although the faults are over');
    const { created, closed, size, waiting } = this.pool.metrics;
    assert.deepEqual([size, waiting, this.channels.size], [0, 0, 0], 'something is left');
    const sum = Object.values(closed).reduce((all, one) => all + one, 0);
    assert.equal(sum, created, 'not each connection was closed once');
  }
}

/** Never more connections than allowed, each with one user at a time, and nobody waits for ever. */
export const poolScenario =
  (mistake?: PoolMistake): Scenario =>
  async (sim) => {
    const world = new PoolWorld(sim, mistake);
    sim.host('server', (host) => world.serve(host));
    sim.host('client', (host) => world.use(host));
    sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 });
    badWeather(sim, FAULTS_MS);
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };

/** The pool is closed before the end. */
export const SETTLE_MS = 3000;
