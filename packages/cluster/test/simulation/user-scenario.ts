import assert from 'node:assert';
import { CLUSTER_ERRORS, type Cluster } from '@headrace/cluster';
import { type Channel, isHeadraceError } from '@headrace/core';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import type { ClusterUsersOptions } from '../../src/users/cluster-users.ts';
import { badWeather, joinFrom, NODES, runNodes } from './cluster-world.ts';
import { connectMember } from './member.ts';

const FAULTS_MS = 5500;
const LAST_SIGN_IN_MS = 7000;
/** All nodes sign one id in, within moments. */
const CONTEST_MS = 12_000;
const QUIET_MS = 15_000;
const IDS = ['ann', 'bob', 'cho'];
const CONTESTED = 'dan';

class UserLife {
  readonly host: SimulatedHost;
  readonly cluster: Cluster<string>;
  readonly sessions = new Map<Channel, string>();
  /** By session and sender: the last number. */
  private readonly got = new Map<string, number>();
  private sent = 0;

  constructor(host: SimulatedHost, cluster: Cluster<string>) {
    this.host = host;
    this.cluster = cluster;
  }

  async signIn(id: string): Promise<void> {
    const { users } = this.cluster;
    const channel: Channel = await connectMember(this.host, (message) =>
      this.take(channel, message as string),
    );
    this.sessions.set(channel, id);
    const session = { channel, principal: id, kick: () => void channel.close('replaced') };
    channel.onClosed(() => {
      this.sessions.delete(channel);
      users.remove(session);
    });
    for (const other of users.othersOf(id, channel)) other.kick();
    users.add(session);
  }

  send(): void {
    const { users, nodeId } = this.cluster;
    this.sent += 1;
    users.send(IDS, `${nodeId} ${this.sent}`);
  }

  async deliver(id: string): Promise<void> {
    const { users, nodeId } = this.cluster;
    const begun = this.host.clock.now();
    try {
      // Its order is not promised.
      const count = await users.deliver(id, `${nodeId} 0`);
      assert.ok(count <= NODES.length, `${count} took it`);
    } catch (error) {
      assert.ok(isHeadraceError(error, CLUSTER_ERRORS.BUS_DOWN), String(error));
    }
    this.host.note(`deliver took ${this.host.clock.now() - begun}`);
  }

  private take(channel: Channel, text: string): void {
    const [sender, at] = text.split(' ') as [string, string];
    const key = `${channel.id} ${sender}`;
    const last = this.got.get(key) ?? 0;
    if (at === '0') return;
    assert.ok(Number(at) > last, `${text} after ${last}`);
    this.got.set(key, Number(at));
  }
}

class UserWorld {
  private readonly lives = new Map<string, UserLife>();
  private readonly sim: Simulation;
  private readonly onDuplicate: ClusterUsersOptions<string>['onDuplicate'];

  constructor(sim: Simulation, onDuplicate: 'allow' | 'kick-older') {
    this.sim = sim;
    this.onDuplicate = onDuplicate;
  }

  async run(host: SimulatedHost): Promise<void> {
    const users = { onDuplicate: this.onDuplicate! };
    const life = new UserLife(host, await joinFrom<string>(host, { users }));
    this.lives.set(host.name, life);
    this.act(life);
    const toContest = CONTEST_MS - this.sim.now;
    if (toContest <= 0) return;
    host.clock.schedule(() => void life.signIn(CONTESTED), toContest + host.random() * 5);
  }

  private act(life: UserLife): void {
    const { host } = life;
    host.clock.schedule(() => {
      if (this.sim.now > LAST_SIGN_IN_MS) return;
      const id = IDS[Math.floor(host.random() * IDS.length)]!;
      const chance = host.random();
      if (chance < 0.4) void life.signIn(id);
      else if (chance < 0.5) [...life.sessions.keys()].at(0)?.close();
      else if (chance < 0.9) life.send();
      else void life.deliver(id);
      this.act(life);
    }, host.random() * 500);
  }

  async check(): Promise<void> {
    const lives = NODES.map((name) => this.lives.get(name)!);
    const asked: Asked[] = [];
    for (const id of [...IDS, CONTESTED]) {
      const at = lives.filter(({ sessions }) => [...sessions.values()].includes(id));
      const names = at.map(({ host }) => host.name);
      assert.ok(at.length <= 1, `${id} is at ${names}`);
      if (id === CONTESTED) assert.ok(at.length >= 1, `${id} is nowhere`);
      const nodes = at.map(({ cluster }) => cluster.nodeId).toSorted();
      for (const life of lives) asked.push({ life, id, nodes });
    }
    for (const one of asked) this.sim.at(this.sim.now, () => ask(one));
    // A node that gave a user up without being heard is waited for, once.
    await this.sim.run({ untilMs: this.sim.now + 2300 });
    for (const { life, id, nodes, isOnline, foundAt } of asked) {
      assert.equal(isOnline, nodes.length > 0, `${life.host.name} thinks that ${id} is there`);
      assert.deepEqual(foundAt, nodes, `where ${life.host.name} finds ${id}`);
    }
  }
}

/** What a node knows of a user. */
interface Asked {
  readonly life: UserLife;
  readonly id: string;
  readonly nodes: readonly string[];
  isOnline?: boolean;
  foundAt?: readonly string[];
}

function ask(asked: Asked): void {
  const { users } = asked.life.cluster;
  void users.isOnline(asked.id).then((isOnline) => {
    asked.isOnline = isOnline;
  });
  void users.nodesOf(asked.id).then((nodes) => {
    asked.foundAt = nodes.toSorted();
  });
}

/** Users over three nodes, with clocks that are minutes apart: one connection stays, and everybody finds it. */
export const userScenario =
  (variant: 'one' | 'two' = 'one'): Scenario =>
  async (sim) => {
    const world = new UserWorld(sim, variant === 'one' ? 'kick-older' : 'allow');
    runNodes(sim, (host) => world.run(host));
    badWeather(sim, FAULTS_MS);
    await sim.run({ untilMs: QUIET_MS });
    await world.check();
  };
