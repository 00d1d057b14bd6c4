import assert from 'node:assert';
import type { Cluster } from '@headrace/cluster';
import { type Channel, isHeadraceError } from '@headrace/core';
import { SeededRandom } from '@headrace/core/testing';
import { Gateway, Worker, type WorkerConnection } from '@headrace/gateway';
import { ExchangeHandler, type JsonRpcExchange, jsonRpcExchange } from '@headrace/rpc';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { decodeEnvelope } from '../../../cluster/test/envelope/raw-envelope.ts';
import {
  badWeather,
  joinFrom,
  NODES,
  optionsOf,
  runNodes,
} from '../../../cluster/test/simulation/cluster-world.ts';
import { connectMember } from '../../../cluster/test/simulation/member.ts';

const GATEWAY = NODES[0]!;
const CONNECTIONS = 3;
/** A node is gone after 5 s of silence, and others look every second. */
const UNHEARD_MS = { fromMs: 3000, minMs: 4500, maxMs: 9000 };
const FAULTS_MS = 13_000;
const LAST_QUESTION_MS = 12_000;
/** All nodes have heard each other, and have told what they had forgotten. */
const QUIET_MS = 26_000;
const ANSWERED_MS = 30_000;
const TIMEOUT_MS = 120_000;
const QUESTION = { method: 'ready?' };
const format = jsonRpcExchange();

/** What is wrong with nodes that were taken for gone, for a scenario that has to notice it. */
export type UnheardFault = 'no look at questions' | 'no word to gateways';

/** One life of a node's process. */
class NodeLife {
  readonly cluster: Cluster;
  readonly gateway: Gateway | undefined;
  readonly worker: Worker | undefined;
  /** The connections of gateways whose logic runs here. */
  readonly held = new Set<WorkerConnection>();
  /** Questions of this node that are not over. */
  open = 0;
  readonly errors: unknown[] = [];
  /** The connections of the gateway here. */
  readonly connections: Channel[] = [];
  private answersAll = false;
  /** Questions that a member here has not answered: it does so when it is called. */
  private readonly unanswered = new Set<() => void>();

  constructor(host: SimulatedHost, cluster: Cluster, slowestMs: number) {
    this.cluster = cluster;
    if (host.name === GATEWAY) this.gateway = new Gateway({ cluster, maxUnanswered: 8 });
    else this.worker = this.work(host, slowestMs);
  }

  get questions(): Cluster['parts']['questions'] {
    return this.cluster.parts.questions;
  }

  async addMember(host: SimulatedHost): Promise<void> {
    const channel: Channel = await connectMember(
      host,
      (message) => this.asked(host, channel, message as { id?: number }),
      new ExchangeHandler({ format }),
    );
    this.cluster.group('room').add(channel);
  }

  async addConnection(host: SimulatedHost, isSilent: boolean): Promise<void> {
    const channel = await connectMember(host, () => {}, this.gateway!.handler());
    this.connections.push(channel);
    if (!isSilent) this.send(host, channel);
  }

  /** Bursts that arrive faster than a slow worker handles them. */
  private send(host: SimulatedHost, channel: Channel): void {
    if (!channel.isReadHeld) {
      for (let i = host.random() * 12; i > 0; i -= 1) channel.pipeline.fireChannelRead('line');
      channel.pipeline.fireChannelReadComplete();
    }
    host.clock.schedule(() => {
      if (!this.answersAll) this.send(host, channel);
    }, host.random() * 4000);
  }

  async ask(): Promise<void> {
    this.open += 1;
    const question = this.cluster.group('room').request<JsonRpcExchange>(QUESTION, {
      timeoutMs: TIMEOUT_MS,
    });
    for await (const { error } of question) if (error !== undefined) this.errors.push(error);
    this.open -= 1;
  }

  /** All members answer what they were asked, and what they are asked from now on. */
  answerAll(): void {
    this.answersAll = true;
    for (const answer of this.unanswered) answer();
  }

  private asked({ clock, random }: SimulatedHost, channel: Channel, { id }: { id?: number }): void {
    if (id === undefined) return;
    const answer = (): void => {
      this.unanswered.delete(answer);
      channel.pipeline.fireChannelRead({ jsonrpc: '2.0', id, result: 'yes' });
      channel.pipeline.fireChannelReadComplete();
    };
    this.unanswered.add(answer);
    if (this.answersAll) clock.schedule(answer, 1);
    else if (random() < 0.3) clock.schedule(answer, random() * 3000);
  }

  private work({ clock, random }: SimulatedHost, slowestMs: number): Worker {
    return new Worker({
      cluster: this.cluster,
      onConnect: (connection) => void this.held.add(connection),
      onMessage: () =>
        new Promise<void>((resolve) => void clock.schedule(resolve, random() * slowestMs)),
      onClose: (connection) => void this.held.delete(connection),
    });
  }
}

/** What takes a node for gone looks after it, again or never: its broken variants. */
function broken({ questions, worker }: NodeLife, fault: UnheardFault): void {
  if (fault === 'no look at questions') questions['askWhetherStill'] = () => {};
  else if (worker !== undefined) worker['left'].use = () => {};
}

class UnheardWorld {
  private readonly lives = new Map<string, NodeLife>();
  private readonly sim: Simulation;
  private readonly fault: UnheardFault | undefined;
  private readonly slowestMs: number;
  /** Of these nodes nothing reaches the others; they hear themselves and all others. */
  private readonly unheard = new Set<string>();

  constructor(sim: Simulation, fault: UnheardFault | undefined) {
    this.sim = sim;
    this.fault = fault;
    const random = new SeededRandom(sim.seed, 'unheard');
    this.slowestMs = random.pick([1, 100, 400]);
    const { fromMs, minMs, maxMs } = UNHEARD_MS;
    for (const at of [fromMs, fromMs + 3000]) {
      const host = random.pick(NODES);
      const from = Math.round(random.between(at, at + 1000));
      const to = Math.round(Math.min(from + random.between(minMs, maxMs), FAULTS_MS));
      sim.at(from, () => void this.unheard.add(host));
      sim.at(to, () => void this.unheard.delete(host));
    }
  }

  async run(host: SimulatedHost): Promise<void> {
    const roles = host.name === GATEWAY ? [] : ['worker'];
    const cluster = await joinFrom(host, { bus: this.busOf(host), roles });
    const life = new NodeLife(host, cluster, this.slowestMs);
    if (this.fault !== undefined) broken(life, this.fault);
    this.lives.set(host.name, life);
    await life.addMember(host);
    if (life.gateway !== undefined) {
      for (let i = 0; i < CONNECTIONS; i += 1) await life.addConnection(host, i > 0);
    }
    this.ask(host, life);
  }

  /** The bus of a node, without the messages of nodes that are unheard. */
  private busOf(host: SimulatedHost) {
    const { bus } = optionsOf(host);
    const subscribe = bus.subscribe.bind(bus);
    bus.subscribe = (subject, listener) =>
      subscribe(subject, (bytes, ...rest) => {
        if (!this.isLost(bytes, host)) listener(bytes, ...rest);
      });
    return bus;
  }

  private isLost(bytes: Buffer, to: SimulatedHost): boolean {
    if (this.unheard.size === 0) return false;
    const envelope = decodeEnvelope(bytes);
    if (typeof envelope === 'string') return false;
    return [...this.unheard].some((name) => {
      return name !== to.name && this.lives.get(name)?.cluster.nodeId === envelope.node;
    });
  }

  private ask(host: SimulatedHost, life: NodeLife): void {
    host.clock.schedule(() => {
      if (this.sim.now > LAST_QUESTION_MS) return;
      void life.ask();
      this.ask(host, life);
    }, host.random() * 2000);
  }

  answerAll(): void {
    for (const name of NODES) {
      this.sim.at(this.sim.now, () => this.lives.get(name)!.answerAll());
    }
  }

  check(): void {
    const lives = NODES.map((name) => this.lives.get(name)!);
    for (const [i, { open, errors }] of lives.entries()) {
      assert.equal(open, 0, `${NODES[i]} waits for answers that nobody gives`);
      for (const error of errors) {
        assert.ok(isHeadraceError(error), String(error));
        assert.ok(!error.code.endsWith('TIMEOUT_REQUEST'), error.message);
      }
    }
    const held = lives.flatMap(({ worker, held }) => {
      assert.equal(worker?.connections ?? 0, held.size);
      return [...held].map(({ id }) => id);
    });
    const { gateway, cluster, connections } = this.lives.get(GATEWAY)!;
    for (const { readHolds } of connections)
      assert.deepEqual(readHolds, [], 'a connection is held');
    const own = held.filter((id) => id.startsWith(cluster.nodeId));
    assert.equal(gateway!.connections, CONNECTIONS);
    assert.equal(new Set(own).size, CONNECTIONS, 'connections that no worker looks after');
    assert.equal(own.length, CONNECTIONS, 'a connection has two workers');
  }
}

/** Nodes that the others do not hear, while they hear the others: no question waits for a node that has given it up, and each silent connection has a worker. */
export const unheardScenario =
  (fault?: UnheardFault): Scenario =>
  async (sim) => {
    const world = new UnheardWorld(sim, fault);
    runNodes(sim, (host) => world.run(host));
    badWeather(sim, FAULTS_MS);
    await sim.run({ untilMs: QUIET_MS });
    world.answerAll();
    await sim.run({ untilMs: ANSWERED_MS });
    world.check();
  };
