import assert from 'node:assert';
import { LiveState } from '@headrace/client';
import type { Cluster } from '@headrace/cluster';
import { Bootstrap, type Channel, type Transport, type TransportSink } from '@headrace/core';
import { type StateGroup, type StateMessage, type StateRow, stateGroup } from '@headrace/durable';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { BrokerDisk } from '../../../cluster/test/simulation/broker-log.ts';
import type { StateFault } from '../../../cluster/test/simulation/broker-state.ts';
import {
  badWeather,
  joinFrom,
  NODES,
  runNodes,
} from '../../../cluster/test/simulation/cluster-world.ts';
import { simulatedBus } from '../../../cluster/test/simulation/simulated-bus.ts';

const FAULTS_MS = 2500;
const TIMES = { longestFaultMs: 900, lastActionMs: 3000, quietMs: 7500 };
/** With faults that are so long that others take a node for gone, which lives. */
const LONG_TIMES = { longestFaultMs: 7000, lastActionMs: 10_500, quietMs: 26_000 };
const CLIENTS = ['ann', 'bob', 'cy', 'dee'];
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const STREAM = 'hr.psim.s.proom';
const ENVELOPE_BYTES = 28;
/** The bus of these nodes notices sooner: a seed shall not take long. */
const BUS = { heartbeatMs: 400, unheardMs: 900, connectTimeoutMs: 1000 };

/** A value of which a part changes. */
interface Unit {
  readonly by: string;
  readonly name: string;
}
type Value = number | string | Unit;
type Message = StateMessage<Value>;

/** Options of {@link stateScenario}. */
export interface StateScenarioOptions {
  /** What is wrong with the store. @default nothing */
  readonly fault?: StateFault;
  /** The store can lose its newest changes when it is killed. @default false */
  readonly losesTail?: boolean;
  /** Every node leaves and joins again, one after the other. @default false */
  readonly isRolling?: boolean;
  /** Some keys live for a time, and each client has a key that lives as long as its connection. @default false */
  readonly hasLives?: boolean;
  /**
   * The truth is in a database, which is slow and fails. Some of its changes are told late, and some never. @default false
   */
  readonly hasDatabase?: boolean;
  /** Members take patches in place of whole values. @default false */
  readonly hasDeltas?: boolean;
}

/** A row of the database. Its value names its version. */
interface Row {
  readonly value: string;
  readonly rowVersion: number;
}

/** A connection of a client at a node, which can stop to read. */
class ClientTransport implements Transport {
  readonly accepts = 'any message';
  readonly localAddress = { path: 'node' };
  readonly remoteAddress = { path: 'client' };
  isActive = true;
  isStuck = false;
  private readonly waiting: unknown[] = [];
  private readonly take: (message: Message) => void;
  private sink: TransportSink | undefined = undefined;

  constructor(take: (message: Message) => void) {
    this.take = take;
  }

  get unsentBytes(): number {
    return this.waiting.length * this.sizeOf();
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  requestRead(): void {}
  pauseReading(): void {}

  sizeOf(): number {
    return 30_000;
  }

  write(messages: readonly unknown[]): boolean {
    this.waiting.push(...messages);
    if (this.isStuck) return false;
    this.release();
    return true;
  }

  continue(): void {
    this.isStuck = false;
    this.release();
    if (this.isActive) this.sink?.written();
  }

  shutdownOutput(): void {
    this.sink?.outputEnded();
  }

  close(): void {
    this.isActive = false;
  }

  abort(): void {
    this.isActive = false;
  }

  private release(): void {
    for (const message of this.waiting.splice(0)) this.take(message as Message);
  }
}

/** A client with its map, wherever it is connected. */
class Client {
  readonly name: string;
  /** Where it is, or was when the node died. */
  life: NodeLife | undefined = undefined;
  channel: Channel | undefined = undefined;
  transport: ClientTransport | undefined = undefined;
  isMember = false;
  /** Whether its own key was stored for its connection. */
  isAnnounced = false;
  /** The state as an application has it. */
  readonly live = new LiveState<Value>('room');
  epoch: string | undefined = undefined;
  /** It has all changes up to this version. */
  version = 0;
  /** The version of each key that it has seen in this epoch. */
  private readonly versions = new Map<string, number>();
  /** The newest row of each key that it has seen in this epoch, if there is a database. */
  private readonly rows = new Map<string, number>();
  private hasBegun = false;
  private readonly removals: ReadonlyMap<string, number>;

  /** @param removals - the last removal of each key from the database */
  constructor(name: string, removals: ReadonlyMap<string, number>) {
    this.name = name;
    this.removals = removals;
  }

  /** True while somebody serves it. */
  get isServed(): boolean {
    return this.life?.isAlive === true;
  }

  connected(): void {
    this.hasBegun = false;
  }

  take(message: Message): void {
    assert.ok(this.live.take(message));
    if (message.type === 'begin') this.begin(message.epoch, message.recovered);
    else {
      assert.ok(this.hasBegun, `${this.name} got ${message.type} before begin`);
      if (message.type === 'ready') this.ready(message.version);
      else this.change(message);
    }
  }

  private begin(epoch: string, recovered: boolean): void {
    this.hasBegun = true;
    if (epoch !== this.epoch) this.rows.clear();
    if (recovered) assert.equal(epoch, this.epoch, `${this.name} is recovered in another epoch`);
    else {
      this.versions.clear();
      this.version = 0;
    }
    this.epoch = epoch;
  }

  private ready(version: number): void {
    assert.ok(
      version >= this.version,
      `${this.name} is ready at ${version}, before ${this.version}`,
    );
    this.version = version;
  }

  private change(message: Exclude<Message, { type: 'begin' | 'ready' }>): void {
    const { type, key, version } = message;
    const known = this.versions.get(key) ?? 0;
    assert.ok(version > known, `${this.name} got ${key} of ${version} after ${known}`);
    assert.ok(version > this.version, `${this.name} got ${version} after ${this.version}`);
    this.version = version;
    this.versions.set(key, version);
    assert.equal(this.live.has(key), type !== 'delete', `${key} of ${this.name}`);
    const row = type === 'set' ? rowVersionOf(message.value) : undefined;
    if (row === undefined) return;
    const before = this.rows.get(key) ?? 0;
    // The store does not know the row of a removed key, so a change that is late can bring it back for a moment.
    const isGone = (this.removals.get(key) ?? 0) > before;
    assert.ok(row >= before || isGone, `${this.name} got row ${row} of ${key} after row ${before}`);
    this.rows.set(key, row);
  }
}

/** One stay of a node in the cluster. */
class NodeLife {
  readonly host: SimulatedHost;
  readonly cluster: Cluster;
  readonly group: StateGroup<Value>;
  private readonly process;
  isLeaving = false;

  constructor(
    host: SimulatedHost,
    cluster: Cluster,
    getState: (() => Promise<StateRow<Value>[]>) | undefined,
  ) {
    this.host = host;
    this.process = host.currentProcess!;
    this.cluster = cluster;
    // A change that is late can only be told from a new one while the removal of its key is remembered.
    const source = getState === undefined ? {} : { getState, refreshMs: 2000, removals: 1000 };
    this.group = stateGroup<Value>(cluster, 'room', { removals: 2, maxKeys: 30, ...source });
  }

  get isAlive(): boolean {
    return this.process.isAlive;
  }
}

class StateWorld {
  readonly disk: BrokerDisk;
  private readonly removals = new Map<string, number>();
  private readonly clients = CLIENTS.map((name) => new Client(name, this.removals));
  private readonly lives = new Map<string, NodeLife>();
  private readonly sim: Simulation;
  private readonly options: StateScenarioOptions;
  private readonly times: typeof TIMES;
  /** The connections for which clients set their keys. Some are open, although their clients are elsewhere. */
  private readonly links: { key: string; life: NodeLife; channel: Channel }[] = [];
  private written = 0;
  /** Additions to the counter, by what became of them. */
  private added = 0;
  private unknown = 0;
  private lastWords = 0;
  private readonly database = new Map<string, Row>();
  private rowCount = 0;

  constructor(sim: Simulation, options: StateScenarioOptions) {
    this.sim = sim;
    this.options = options;
    this.times = timesOf(options);
    this.disk = new BrokerDisk(options.fault as never);
    // An engine that a node is too slow for leaves copies out.
    this.disk.losesCopy = ({ random }) => sim.now < FAULTS_MS && random() < 0.1;
    if (options.losesTail === true) {
      this.disk.states.lost = (random) => Math.floor(random() * 4);
    }
  }

  async run(host: SimulatedHost): Promise<void> {
    const bus = simulatedBus(host, BUS, this.options.fault as never);
    const cluster = await joinFrom(host, { bus, joinTimeoutMs: 100 });
    const getState = this.options.hasDatabase === true ? () => this.rowsFor(host) : undefined;
    const life = new NodeLife(host, cluster, getState);
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

  private look(life: NodeLife): void {
    const { host } = life;
    host.clock.schedule(
      () => {
        if (life.isLeaving) return;
        this.act(life);
        this.look(life);
      },
      60 + host.random() * 180,
    );
  }

  /** No client that reads takes its state for current while its node has no store. */
  private checkFreshness(life: NodeLife): void {
    if (life.cluster.state === 'up' || life.isLeaving) return;
    for (const client of this.clients) {
      const { channel, live, name, transport } = client;
      const reads = channel?.isOpen === true && channel.isWritable && !transport!.isStuck;
      if (client.life !== life || !client.isMember || !reads) continue;
      assert.equal(live.status, 'stale', `${name} at ${life.host.name}, which has no store`);
    }
  }

  private act(life: NodeLife): void {
    const { random } = life.host;
    this.checkFreshness(life);
    const isOver = this.sim.now > this.times.lastActionMs;
    for (const client of this.clients) {
      const isHere = client.life === life;
      // Some come from a connection that their former node takes for open.
      const comes = isHere ? false : client.isServed ? !isOver && random() < 0.05 : true;
      if (comes) void this.take(client, life);
      else if (!isHere) continue;
      else if (isOver) client.transport?.continue();
      else this.disturb(client, random());
    }
    // After what may get lost: who missed a change finds out.
    if (!isOver || this.lastWords < 3) this.write(life, isOver);
    if (isOver) this.lastWords += 1;
  }

  /** It leaves, or begins or stops to read. */
  private disturb(client: Client, dice: number): void {
    if (dice < 0.1) this.part(client);
    else if (dice < 0.25) client.transport?.continue();
    else if (dice < 0.4 && client.transport !== undefined) client.transport.isStuck = true;
  }

  /** The answer is as old as its way. */
  private async rowsFor({ clock, random }: SimulatedHost): Promise<StateRow<Value>[]> {
    const later = () => new Promise<void>((resolve) => clock.schedule(resolve, random() * 100));
    await later();
    if (this.sim.now < FAULTS_MS && random() < 0.2) throw new Error('the database is away');
    const rows = Array.from(this.database, ([key, row]) => ({ key, ...row }));
    await later();
    return rows;
  }

  /** Changes the database, and then tells the group, unless the writer is gone in between. */
  private writeRows({ host, group }: NodeLife, isLast: boolean): void {
    const { random, clock } = host;
    for (let count = Math.floor(random() * 4); count >= 0; count--) {
      const key = KEYS[Math.floor(random() * KEYS.length)]!;
      this.rowCount += 1;
      const rowVersion = this.rowCount;
      const value = `row ${rowVersion}`;
      const isRemoval = random() < 0.3 && !isLast;
      if (isRemoval) {
        this.database.delete(key);
        this.removals.set(key, rowVersion);
      } else this.database.set(key, { value, rowVersion });
      if (random() < 0.2) continue;
      clock.schedule(() => {
        if (isRemoval) group.delete(key, { rowVersion }).catch(() => {});
        else group.set(key, value, { rowVersion }).catch(() => {});
      }, random() * 80);
    }
  }

  private write(life: NodeLife, isLast: boolean): void {
    if (this.options.hasDatabase === true) {
      this.writeRows(life, isLast);
      return;
    }
    const { host, group } = life;
    const { random } = host;
    for (let count = Math.floor(random() * 4); count >= 0; count--) {
      const key = KEYS[Math.floor(random() * KEYS.length)]!;
      this.written += 1;
      if (random() < 0.3 && !isLast) group.delete(key).catch(() => {});
      else group.set(key, this.valueOf(host.name)).catch(() => {});
    }
    if (isLast) return;
    if (this.options.hasLives === true) {
      const ttlMs = 100 + Math.floor(random() * 900);
      group.set(`t${Math.floor(random() * 3)}`, `${host.name} ${ttlMs}`, { ttlMs }).catch(() => {});
    }
    this.unknown += 1;
    group
      .update('sum', (sum) => ((sum as number | undefined) ?? 0) + 1)
      .then(
        () => {
          this.unknown -= 1;
          this.added += 1;
        },
        () => {},
      );
  }

  private valueOf(writer: string): Value {
    const by = `${writer} ${this.written}`;
    return this.options.hasDeltas === true
      ? { by, name: 'a name that stays the same'.repeat(2) }
      : by;
  }

  private async take(client: Client, life: NodeLife): Promise<void> {
    const { host, group } = life;
    client.life = life;
    client.isMember = false;
    const transport = new ClientTransport((message) => {
      if (client.transport === transport && client.life === life) client.take(message);
    });
    client.transport = transport;
    client.connected();
    transport.isStuck = host.random() < 0.2;
    const channel = await new Bootstrap()
      .options({ ...host.options, outboundStallMs: false })
      .handler(() => {})
      .connect({ transport });
    if (client.transport !== transport) return channel.close();
    client.channel = channel;
    const position = client.live.begin();
    try {
      const deltas = this.options.hasDeltas === true;
      const join = await group.join(channel, position, { deltas });
      if (client.transport !== transport) return;
      client.isMember = true;
      if (this.options.hasLives === true) void this.announce(client, life, channel);
      if (position === undefined) assert.equal(join.recovered, false);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      channel.close();
      if (client.transport === transport) this.part(client);
    }
  }

  private async announce(client: Client, life: NodeLife, channel: Channel): Promise<void> {
    const { name } = client;
    const { transport } = client;
    client.isAnnounced = false;
    this.links.push({ key: ownKey(name, life), life, channel });
    while (client.transport === transport && !client.isAnnounced) {
      try {
        await life.group.set(ownKey(name, life), life.host.name, { channel });
        if (client.transport === transport) client.isAnnounced = true;
      } catch {
        await new Promise<void>((resolve) => life.host.clock.schedule(resolve, 200));
      }
    }
  }

  private part(client: Client): void {
    client.channel?.close();
    client.channel = undefined;
    client.transport = undefined;
    client.life = undefined;
    client.isMember = false;
  }

  check(): void {
    const values = [...this.disk.states.values(STREAM)]
      .map(([key, bytes]) => [key, storedValue(bytes)] as const)
      .sort();
    for (const { cluster, host } of this.lives.values()) {
      assert.equal(cluster.state, 'up', `${host.name} is down`);
    }
    for (const client of this.clients) {
      const { name, live } = client;
      assert.ok(client.isServed && client.isMember, `${name} is not back`);
      assert.equal(live.status, 'ready', name);
      const own = [...live].map(([key, value]) => [key, textOf(value)]).sort();
      assert.deepEqual(own, values, `the map of ${name}`);
    }
    if (this.options.hasDatabase === true) {
      const rows = Array.from(this.database, ([key, { value }]) => [key, value]).sort();
      assert.deepEqual(values, rows, 'the database');
      return;
    }
    if (this.options.hasLives === true) this.checkLives(new Map(values));
    if (this.options.losesTail === true) return;
    const sum = Number(values.find(([key]) => key === 'sum')?.[1] ?? 0);
    assert.ok(
      sum >= this.added && sum <= this.added + this.unknown,
      `the sum is ${sum}, of ${this.added} and ${this.unknown}`,
    );
  }

  private checkLives(values: ReadonlyMap<string, string>): void {
    const keys = [...values.keys()];
    assert.deepEqual(
      keys.filter((key) => key.startsWith('t')),
      [],
      'keys whose time is over',
    );
    for (const { name, life, isAnnounced } of this.clients) {
      assert.ok(isAnnounced, `${name} could not set its key`);
      assert.ok(keys.includes(ownKey(name, life!)), `${name} has no key`);
    }
    for (const key of keys.filter((one) => one.startsWith('c:'))) {
      const isOpen = this.links.some(
        (link) => link.key === key && link.life.isAlive && link.channel.isOpen,
      );
      assert.ok(isOpen, `${key} is there without its connection`);
    }
  }
}

function timesOf({ hasLives }: StateScenarioOptions): typeof TIMES {
  return hasLives === true ? LONG_TIMES : TIMES;
}

function ownKey(name: string, { host }: NodeLife): string {
  return `c:${name} at ${host.name}`;
}

function textOf(value: Value): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The version in a value of the database. */
function rowVersionOf(value: Value): number | undefined {
  const [what, version] = String(value).split(' ');
  return what === 'row' ? Number(version) : undefined;
}

/** The value behind the envelope, a byte of flags, the time to live and the version of the row. */
function storedValue(bytes: Buffer): string {
  const flags = bytes[ENVELOPE_BYTES]!;
  const lifeBytes = ((flags & 1) === 0 ? 0 : 4) + ((flags & 8) === 0 ? 0 : 8);
  return bytes.toString('utf8', ENVELOPE_BYTES + 1 + lifeBytes);
}

/**
 * A state group over three nodes: clients go from node to node with their position, and read slowly, while all nodes write. Each
 * has the state of the store at the end, and gets no change twice or out of order.
 */
export function stateScenario(options: StateScenarioOptions = {}): Scenario {
  return async (sim) => {
    const world = new StateWorld(sim, options);
    const { longestFaultMs, quietMs } = timesOf(options);
    runNodes(sim, (host) => world.run(host), world.disk);
    badWeather(sim, FAULTS_MS, longestFaultMs);
    if (options.isRolling === true) {
      NODES.forEach((name, i) => {
        sim.at(600 + i * 700, () => void world.restart(name));
      });
    }
    await sim.run({ untilMs: quietMs });
    world.check();
  };
}
