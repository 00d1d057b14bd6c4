import assert from 'node:assert';
import type { Cluster } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { Bootstrap, type Server, ServerBootstrap } from '@headrace/core';
import { SeededRandom } from '@headrace/core/testing';
import { Gateway, Worker } from '@headrace/gateway';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import {
  badWeather,
  joinFrom,
  NODES,
  optionsOf,
  runNodes,
} from '../../../cluster/test/simulation/cluster-world.ts';

const GATEWAY = NODES[0]!;
const CLIENTS = ['c1', 'c2'];
const PORT = 7;
const FAULTS_MS = 7000;
const LAST_LINE_MS = 8000;
const QUIET_MS = 25_000;
const DRAIN_MS = 8000;

const SLOW_LOOP_MS = { minMs: 200, maxMs: 1700 };
const LATE_MS = 2000;

/**
 * A gateway that forgets a hold which a release takes, or takes messages as answered without their answers, for a scenario that has to
 * notice it.
 */
export type GatewayFault = 'forgets holds' | 'forgets answers';

/** How gateways and workers come and go. */
export interface GatewayScenarioOptions {
  /** Every node leaves in order and joins again, and nothing fails. @default false */
  readonly isOrderly?: boolean;
  readonly fault?: GatewayFault;
}

/** One connection of a client. */
class Line {
  readonly id: string;
  sent = 0;
  isOpen = true;
  /** How often a message was handled, and whether it was marked as repeated. */
  readonly handled = new Map<number, { times: number; repeated: boolean }>();
  readonly answered: number[] = [];

  constructor(id: string) {
    this.id = id;
  }
}

/** One stay of a node in the cluster. */
interface NodeLife {
  readonly host: SimulatedHost;
  readonly process: SimulatedHost['currentProcess'];
  readonly cluster: Cluster;
  readonly servers: readonly Server[];
  readonly gateway: Gateway<string> | undefined;
  isLeaving: boolean;
}

class GatewayWorld {
  private readonly sim: Simulation;
  private readonly options: GatewayScenarioOptions;
  private readonly lives = new Map<string, NodeLife>();
  private readonly lines = new Map<string, Line>();
  private readonly delivery: 'acknowledged' | 'at-most-once';
  private readonly maxUnanswered: number;
  private readonly slowestMs: number;
  /** The share of messages that are answered late. */
  private readonly late: number;
  private longestLeaveMs = 0;

  constructor(sim: Simulation, options: GatewayScenarioOptions) {
    const random = new SeededRandom(sim.seed, 'gateway');
    this.sim = sim;
    this.options = options;
    const isKept = options.fault === 'forgets answers';
    this.delivery = isKept ? 'acknowledged' : random.pick(['acknowledged', 'at-most-once']);
    this.maxUnanswered = random.pick([8, 16, 64]);
    // Two of three workers are slower than the lines of their connections.
    this.slowestMs = random.pick([0, 8, 16]);
    this.late = options.isOrderly === true ? 0 : random.pick([0, 0.003]);
  }

  async run(host: SimulatedHost): Promise<void> {
    const roles = host.name === GATEWAY ? [] : ['worker'];
    const cluster = await joinFrom(host, { bus: optionsOf(host).bus, roles });
    const gateway = host.name === GATEWAY ? this.gateway(cluster) : undefined;
    if (gateway === undefined) this.work(host, cluster);
    const servers = gateway === undefined ? [] : [await this.serve(host, gateway)];
    const process = host.currentProcess;
    this.lives.set(host.name, { host, process, cluster, servers, gateway, isLeaving: false });
  }

  private gateway(cluster: Cluster): Gateway<string> {
    const { delivery, maxUnanswered } = this;
    // Chance ends workers, not a message.
    const maxDeliveries = Number.POSITIVE_INFINITY;
    return new Gateway<string>({ cluster, delivery, maxUnanswered, maxDeliveries });
  }

  private serve(host: SimulatedHost, gateway: Gateway<string>): Promise<Server> {
    return new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(({ pipeline }) => {
        pipeline.addLast(...textLines(), gateway.handler());
        const { fault } = this.options;
        if (fault !== undefined) pipeline.addLast({ channelActive: () => broken(gateway, fault) });
      })
      .bind({ network: host, port: PORT });
  }

  private work(host: SimulatedHost, cluster: Cluster): void {
    new Worker<string>({
      cluster,
      onMessage: async (connection, text, { repeated }) => {
        const [id = '', number] = text.split(' ');
        const ms = host.random() < 0.01 ? 400 : host.random() * this.slowestMs;
        if (ms > 0) await after(host, ms);
        if (host.random() < this.late) await after(host, host.random() * LATE_MS);
        const { handled } = this.lines.get(id)!;
        const { times } = handled.get(Number(number)) ?? { times: 0 };
        handled.set(Number(number), { times: times + 1, repeated });
        connection.write(text);
      },
    });
  }

  /** A client that always comes back, and writes more lines at once than a gateway takes. */
  async dial(host: SimulatedHost): Promise<void> {
    for (let number = 1; this.sim.now < LAST_LINE_MS; number += 1) {
      await this.connect(host, new Line(`${host.name}.${number}`)).catch(() => {});
      await after(host, 100 + host.random() * 300);
    }
  }

  private async connect(host: SimulatedHost, line: Line): Promise<void> {
    const channel = await new Bootstrap()
      .options(host.options)
      .handler(({ pipeline }) => {
        const channelRead = (_ctx: unknown, text: string) =>
          void line.answered.push(Number(text.split(' ')[1]));
        pipeline.addLast(...textLines(), { channelRead });
      })
      .connect({ network: host, host: GATEWAY, port: PORT });
    this.lines.set(line.id, line);
    const write = (): void => {
      if (!channel.isActive || channel.isEnding || this.sim.now > LAST_LINE_MS) return;
      const count = Math.ceil(host.random() ** 2 * 80);
      for (let i = 0; i < count && channel.isWritable; i += 1) {
        line.sent += 1;
        channel.write(`${line.id} ${line.sent}`).onSettled(() => {});
      }
      channel.flush();
      host.clock.schedule(write, 100 + host.random() * 900);
    };
    write();
    await channel.closed;
    line.isOpen = false;
  }

  /** The node leaves in order, and comes back at once. */
  async restart(name: string): Promise<void> {
    const life = this.lives.get(name);
    if (life === undefined || life.process?.isAlive !== true || life.isLeaving) return;
    const { host, cluster, servers } = life;
    const begunAt = this.sim.now;
    life.isLeaving = true;
    await cluster.leave({ servers, drainTimeoutMs: DRAIN_MS, spreadMs: 500 });
    this.longestLeaveMs = Math.max(this.longestLeaveMs, this.sim.now - begunAt);
    life.gateway?.close();
    if (life.process.isAlive) await this.run(host);
  }

  check(): void {
    assert.ok(this.lines.size >= CLIENTS.length, 'a client never connected');
    for (const line of this.lines.values()) this.checkLine(line);
    if (this.options.isOrderly !== true) return;
    assert.ok(this.longestLeaveMs < DRAIN_MS, `a node left in ${this.longestLeaveMs} ms`);
  }

  private checkLine({ id, sent, isOpen, handled, answered }: Line): void {
    const { delivery, options } = this;
    for (const [number, { times, repeated }] of handled) {
      if (times === 1 && !(options.isOrderly === true && repeated)) continue;
      const isAllowed = options.isOrderly !== true && delivery === 'acknowledged' && repeated;
      assert.ok(isAllowed, `${id} ${number} was handled ${times} times, repeated: ${repeated}`);
    }
    if (isOpen && (delivery === 'acknowledged' || options.isOrderly === true)) {
      assert.equal(handled.size, sent, `${id}: lines that no worker handled`);
      const answers = new Set(answered);
      const missing = [...handled.keys()].filter((number) => !answers.has(number));
      assert.deepEqual(missing, [], `${id}: lines that a worker handled, without an answer`);
    }
    if (options.isOrderly !== true) return;
    const numbers = Array.from({ length: handled.size }, (_, i) => i + 1);
    assert.deepEqual(answered, numbers, `${id}: answers of the lines that were handled`);
  }
}

function after(host: SimulatedHost, ms: number): Promise<void> {
  return new Promise((resolve) => void host.clock.schedule(resolve, ms));
}

/**
 * Takes an acknowledgement without the answers before it, or releases the hold before its field is cleared, so that a hold of a message
 * that the release delivers is forgotten.
 */
function broken(gateway: Gateway<string>, fault: GatewayFault): void {
  for (const { gate, link } of gateway['entries'].values()) {
    if (fault === 'forgets answers') link['hasAnswersOf'] = () => true;
    else
      gate.release = () => {
        gate['current']?.release();
        gate['current'] = undefined;
      };
  }
}

/**
 * Clients of a gateway whose workers are slower than their lines, come and go, end as planned, answer late, and have slow loops: each
 * connection is read, and each line is handled. With acknowledgements, each line that a worker handled has its answer at the client.
 */
export const gatewayScenario =
  (options: GatewayScenarioOptions = {}): Scenario =>
  async (sim) => {
    const world = new GatewayWorld(sim, options);
    runNodes(sim, (host) => world.run(host));
    for (const name of CLIENTS) sim.host(name, (host) => world.dial(host));
    if (options.isOrderly !== true) badWeather(sim, FAULTS_MS);
    const random = new SeededRandom(sim.seed, 'restarts');
    const freeze = random.pick([0, 30]);
    sim.chaos({ freeze, hosts: NODES, forMs: SLOW_LOOP_MS, fromMs: 1000, untilMs: FAULTS_MS });
    for (const name of NODES) {
      const atMs = Math.round(random.between(2000, FAULTS_MS));
      sim.at(atMs, () => void world.restart(name));
    }
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };
