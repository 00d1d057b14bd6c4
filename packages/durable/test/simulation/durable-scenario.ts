import assert from 'node:assert';
import { type GroupJoined, LastPosition } from '@headrace/client';
import type { Cluster } from '@headrace/cluster';
import { type Channel, ChannelMatchers } from '@headrace/core';
import { type DurableGroup, durableGroup } from '@headrace/durable';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import type { LogEntry, LogPosition } from '@headrace/store';
import { BrokerDisk, type LogFault } from '../../../cluster/test/simulation/broker-log.ts';
import {
  badWeather,
  joinFrom,
  NODES,
  runNodes,
} from '../../../cluster/test/simulation/cluster-world.ts';
import { connectMember } from '../../../cluster/test/simulation/member.ts';
import { simulatedBus } from '../../../cluster/test/simulation/simulated-bus.ts';

const FAULTS_MS = 2500;
const LONGEST_FAULT_MS = 900;
const LAST_ACTION_MS = 3000;
/** A node that is slow by 3 s at the end of the faults is heard again, and has sent its answers. */
const QUIET_MS = 6500;
const CLIENTS = ['ann', 'bob', 'cy'];
const STREAM = 'hr.psim.d.proom';
const ENVELOPE_BYTES = 28;
/** The bus of these nodes notices sooner: a seed shall not take long. */
const BUS = { heartbeatMs: 400, unheardMs: 900, connectTimeoutMs: 1000 };

/** What a member gets: a message of the room, with its place. */
interface Delivered {
  readonly text: string;
  readonly position: LogPosition;
}

/** Options of {@link durableScenario}. */
export interface DurableScenarioOptions {
  /** What is wrong with the engine. @default nothing */
  readonly fault?: LogFault;
  /** Every node leaves and joins again, one after the other. @default false */
  readonly isRolling?: boolean;
}

/** A client that keeps what was not acknowledged, and its position, wherever it is connected. */
class Client {
  readonly name: string;
  /** Where it is, or was when the node died. */
  life: NodeLife | undefined = undefined;
  channel: Channel | undefined = undefined;
  isMember = false;
  start: LogPosition | undefined = undefined;
  readonly last = new LastPosition();
  readonly unacknowledged = new Map<string, string>();
  readonly received: Delivered[] = [];
  private written = 0;
  private hasLastWord = false;

  constructor(name: string) {
    this.name = name;
  }

  /** True while somebody serves it. */
  get isServed(): boolean {
    return this.life?.isAlive === true;
  }

  take(delivered: Delivered, life: NodeLife): void {
    if (this.life !== life) return;
    const { position } = delivered;
    const before = this.last.position?.offset;
    const news = this.last.take(position);
    assert.equal(news, 'next', `${this.name} got ${position.offset} after ${before}`);
    this.received.push(delivered);
  }

  joined(joined: GroupJoined): void {
    this.isMember = true;
    this.start ??= joined.position;
    assert.equal(this.last.joined(joined), 'next', `${this.name} has missed something`);
    for (const [id, text] of this.unacknowledged) this.send(id, text);
  }

  say(): void {
    this.written += 1;
    const id = `${this.name}-${this.written}`;
    this.unacknowledged.set(id, `${id} says something`);
    this.send(id, this.unacknowledged.get(id)!);
  }

  /** After what may get lost: who missed the message before it finds out. True for the first time. */
  saysLastWord(): boolean {
    if (this.hasLastWord) return false;
    this.hasLastWord = true;
    this.say();
    return true;
  }

  private send(id: string, text: string): void {
    const { life, channel } = this;
    const matcher = ChannelMatchers.isNot(channel!);
    const isHere = () => this.life === life && this.channel === channel && life?.isAlive === true;
    life!.room.write(text, { id, matcher }).then(
      () => {
        if (isHere()) this.unacknowledged.delete(id);
      },
      () => {
        if (isHere()) this.send(id, text);
      },
    );
  }
}

/** One stay of a node in the cluster. */
class NodeLife {
  readonly host: SimulatedHost;
  readonly cluster: Cluster;
  readonly room: DurableGroup<string>;
  private readonly process;
  isLeaving = false;

  constructor(host: SimulatedHost, cluster: Cluster) {
    this.host = host;
    this.process = host.currentProcess!;
    this.cluster = cluster;
    this.room = durableGroup<string>(cluster, 'room', {
      presence: false,
      recent: 4,
      format: (text, position) => ({ text, position }),
    });
    this.room.on('skipped', () => assert.fail(`${host.name} skipped something`));
  }

  get isAlive(): boolean {
    return this.process.isAlive;
  }
}

class DurableWorld {
  readonly disk: BrokerDisk;
  private readonly clients = CLIENTS.map((name) => new Client(name));
  private readonly lives = new Map<string, NodeLife>();
  private readonly sim: Simulation;
  private readonly options: DurableScenarioOptions;

  constructor(sim: Simulation, options: DurableScenarioOptions) {
    this.sim = sim;
    this.options = options;
    this.disk = new BrokerDisk(options.fault);
    // An engine that a node is too slow for leaves copies out.
    this.disk.losesCopy = ({ random }) => sim.now < FAULTS_MS && random() < 0.1;
  }

  async run(host: SimulatedHost): Promise<void> {
    const bus = simulatedBus(host, BUS, this.options.fault);
    const cluster = await joinFrom(host, { bus, joinTimeoutMs: 100 });
    const life = new NodeLife(host, cluster);
    this.lives.set(host.name, life);
    this.look(life);
  }

  /** The node leaves, and comes back at once. */
  async restart(name: string): Promise<void> {
    const life = this.lives.get(name);
    if (life === undefined || !life.isAlive || life.isLeaving) return;
    life.isLeaving = true;
    const shutdown = async () => {
      for (const client of this.clients.filter((one) => one.life === life)) this.part(client);
    };
    await life.cluster.leave({ servers: [{ shutdown }], drainTimeoutMs: 200 });
    if (life.isAlive) await this.run(life.host);
  }

  /** Takes clients that nobody serves, sends some away, and lets the others speak. */
  private look(life: NodeLife): void {
    const { host } = life;
    host.clock.schedule(
      () => {
        if (life.isLeaving) return;
        this.act(life);
        this.look(life);
      },
      80 + host.random() * 240,
    );
  }

  private act(life: NodeLife): void {
    const { random } = life.host;
    const isOver = this.sim.now > LAST_ACTION_MS;
    for (const client of this.clients) {
      const isHere = client.life === life;
      if (isHere && client.isMember && isOver && client.saysLastWord()) continue;
      // Some come from a connection that their former node takes for open.
      const comes = isHere ? false : client.isServed ? !isOver && random() < 0.05 : true;
      if (comes) void this.take(client, life);
      else if (isHere && client.isMember && !isOver) {
        if (random() < 0.1) this.part(client);
        else if (random() < 0.5) client.say();
      }
    }
  }

  private async take(client: Client, life: NodeLife): Promise<void> {
    client.life = life;
    client.isMember = false;
    const isHere = () => client.life === life && client.channel === channel;
    const channel = await connectMember(life.host, (message) =>
      client.channel === channel ? client.take(message as Delivered, life) : undefined,
    );
    if (client.life !== life) return;
    client.channel = channel;
    const position = client.last.begin();
    try {
      const outcome = await life.room.history.join(channel, position);
      if (!isHere()) return;
      assert.equal(outcome.recovered, position !== undefined, `${client.name} is not recovered`);
      client.joined(outcome);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      channel.close();
      if (isHere()) this.part(client);
    }
  }

  private part(client: Client): void {
    client.channel?.close();
    client.channel = undefined;
    client.life = undefined;
    client.isMember = false;
  }

  check(): void {
    const entries = this.disk.entries(STREAM);
    assert.equal(new Set(entries.map(({ id }) => id)).size, entries.length, 'an id is there twice');
    for (const { cluster, host } of this.lives.values()) {
      assert.equal(cluster.state, 'up', `${host.name} is down`);
    }
    for (const client of this.clients) this.checkClient(client, entries);
  }

  private checkClient(client: Client, entries: readonly LogEntry[]): void {
    const { name, start, received, unacknowledged } = client;
    assert.ok(client.isServed && client.isMember, `${name} is not back`);
    assert.deepEqual([...unacknowledged.keys()], [], `${name} has no answer`);
    const own = new Set(
      received.filter(({ text }) => text.startsWith(`${name}-`)).map(({ text }) => text),
    );
    const expected = entries
      .filter(({ position }) => position.offset > start!.offset)
      .map(({ bytes }) => bytes.toString('utf8', ENVELOPE_BYTES))
      .filter((text) => !text.startsWith(`${name}-`) || own.has(text));
    assert.deepEqual(
      received.map(({ text }) => text),
      expected,
      `what ${name} got`,
    );
  }
}

/**
 * A durable room over three nodes: clients go from node to node, repeat what was not acknowledged, and tell their
 * position. Each gets everything of the others once, in the order of the log.
 */
export function durableScenario(options: DurableScenarioOptions = {}): Scenario {
  return async (sim) => {
    const world = new DurableWorld(sim, options);
    runNodes(sim, (host) => world.run(host), world.disk);
    badWeather(sim, FAULTS_MS, LONGEST_FAULT_MS);
    if (options.isRolling === true) {
      NODES.forEach((name, i) => {
        sim.at(600 + i * 700, () => void world.restart(name));
      });
    }
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };
}
