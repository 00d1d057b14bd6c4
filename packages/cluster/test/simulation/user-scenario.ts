import assert from 'node:assert';
import { BUS_ERRORS } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import { type Channel, isHeadraceError } from '@headrace/core';
import { SeededRandom } from '@headrace/core/testing';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { badWeather, joinFrom, NODES, runNodes, type WorldKind } from './cluster-world.ts';
import { connectMember } from './member.ts';

const FAULTS_MS = 5500;
const LAST_SIGN_IN_MS = 7000;
/** All nodes sign one id in, within moments. */
const CONTEST_MS = 12_000;
const QUIET_MS = 15_000;
const IDS = ['ann', 'bob', 'cho'];
const CONTESTED = 'dan';
/** Users of a rolling deploy, whose clients come back at once when a node ends their connection. */
const RESIDENTS = ['eve', 'fay', 'gus'];
const RESIDENTS_COME_MS = 1500;
const DEPLOY_MS = 2500;
/** Time from the begin of one restart to the next one. */
const RESTART_MS = 2000;

/** How users and nodes come and go. */
export interface UserScenarioOptions {
  /** A user may have connections on two nodes, for a scenario that has to notice it. @default false */
  readonly allowsTwo?: boolean;
  /** Every node leaves and joins again, one after the other, and nothing fails. @default false */
  readonly isRolling?: boolean;
  /** @default 'broker' */
  readonly kind?: WorldKind;
}

class UserLife {
  readonly host: SimulatedHost;
  readonly cluster: Cluster<string>;
  readonly sessions = new Map<Channel, string>();
  /** A node that leaves takes no more users. */
  isLeaving = false;
  /** By session and sender: the last number. */
  private readonly got = new Map<string, number>();
  private sent = 0;

  constructor(host: SimulatedHost, cluster: Cluster<string>) {
    this.host = host;
    this.cluster = cluster;
  }

  /** Returns false if the node does not take the user. */
  async signIn(id: string): Promise<boolean> {
    const { users } = this.cluster;
    const channel: Channel = await connectMember(this.host, (message) =>
      this.take(channel, message as string),
    );
    if (this.isLeaving) {
      channel.close();
      return false;
    }
    this.sessions.set(channel, id);
    const session = { channel, principal: id, kick: () => void channel.close('replaced') };
    channel.onClosed(() => {
      this.sessions.delete(channel);
      users.remove(session);
    });
    for (const other of users.othersOf(id, channel)) other.kick();
    users.add(session);
    return true;
  }

  /** Ends the first connection of a user who is free to leave. */
  closeOne(): void {
    const one = [...this.sessions].find(([, id]) => !RESIDENTS.includes(id));
    one?.[0].close();
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
      assert.ok(isHeadraceError(error, BUS_ERRORS.BUS_DOWN), String(error));
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
  private readonly options: UserScenarioOptions;
  private readonly random: SeededRandom;

  constructor(sim: Simulation, options: UserScenarioOptions) {
    this.sim = sim;
    this.options = options;
    this.random = new SeededRandom(sim.seed, 'residents');
  }

  async run(host: SimulatedHost): Promise<void> {
    const users = {
      onDuplicate: this.options.allowsTwo === true ? ('allow' as const) : ('kick-older' as const),
    };
    const life = new UserLife(host, await joinFrom<string>(host, { users }, this.options.kind));
    this.lives.set(host.name, life);
    this.act(life);
    const toContest = CONTEST_MS - this.sim.now;
    if (toContest <= 0) return;
    host.clock.schedule(() => void life.signIn(CONTESTED), toContest + host.random() * 5);
  }

  /** Signs a user in at a node that takes the user, as a client does that comes back. */
  comesBack(id: string): void {
    const lives = [...this.lives.values()].filter((one) => !one.isLeaving);
    const life = this.random.pick(lives);
    const signIn = async (): Promise<void> => {
      if (!(await life.signIn(id))) this.comesBack(id);
    };
    life.host.clock.schedule(() => void signIn(), this.random.between(0, 40));
  }

  /** The node leaves, its users come back on other nodes, and then it joins again. */
  async restart(name: string): Promise<void> {
    const life = this.lives.get(name)!;
    life.isLeaving = true;
    const shutdown = async (): Promise<void> => {
      for (const [channel, id] of life.sessions) {
        if (RESIDENTS.includes(id)) this.comesBack(id);
        // Some come before their last connection has ended.
        const leavesMs = this.random.pick([0, 30, 100]);
        life.host.clock.schedule(() => void channel.close(), leavesMs);
      }
    };
    await life.cluster.leave({ servers: [{ shutdown }], drainTimeoutMs: 200, spreadMs: 0 });
    await this.run(life.host);
  }

  private act(life: UserLife): void {
    const { host } = life;
    host.clock.schedule(() => {
      if (this.sim.now > LAST_SIGN_IN_MS || life.isLeaving) return;
      const id = IDS[Math.floor(host.random() * IDS.length)]!;
      const chance = host.random();
      if (chance < 0.4) void life.signIn(id);
      else if (chance < 0.5) life.closeOne();
      else if (chance < 0.9) life.send();
      else void life.deliver(id);
      this.act(life);
    }, host.random() * 500);
  }

  async check(): Promise<void> {
    const lives = NODES.map((name) => this.lives.get(name)!);
    const asked: Asked[] = [];
    const residents = this.options.isRolling === true ? RESIDENTS : [];
    for (const id of [...IDS, CONTESTED, ...residents]) {
      const at = lives.filter(({ sessions }) => [...sessions.values()].includes(id));
      const names = at.map(({ host }) => host.name);
      assert.ok(at.length <= 1, `${id} is at ${names}`);
      if (!IDS.includes(id)) assert.ok(at.length >= 1, `${id} is nowhere`);
      const nodes = at.map(({ cluster }) => cluster.nodeId).toSorted();
      for (const life of lives) asked.push({ life, id, nodes });
    }
    for (const one of asked) this.sim.at(this.sim.now, () => ask(one));
    // A node that gave a user up without being heard is waited for, once.
    await this.sim.run({ untilMs: this.sim.now + 2300 });
    for (const { life, id, nodes, isOnline, foundAt, reached } of asked) {
      assert.equal(isOnline, nodes.length > 0, `${life.host.name} thinks that ${id} is there`);
      assert.deepEqual(foundAt, nodes, `where ${life.host.name} finds ${id}`);
      assert.equal(reached, nodes.length, `connections of ${id} that ${life.host.name} reaches`);
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
  reached?: number;
}

function ask(asked: Asked): void {
  const { users } = asked.life.cluster;
  void users.isOnline(asked.id).then((isOnline) => {
    asked.isOnline = isOnline;
  });
  void users.nodesOf(asked.id).then((nodes) => {
    asked.foundAt = nodes.toSorted();
  });
  void users.deliver(asked.id, `${asked.life.cluster.nodeId} 0`).then((reached) => {
    asked.reached = reached;
  });
}

/** Users over three nodes, with clocks that are minutes apart: one connection stays, and everybody finds it. */
export const userScenario =
  (options: UserScenarioOptions = {}): Scenario =>
  async (sim) => {
    const world = new UserWorld(sim, options);
    runNodes(sim, (host) => world.run(host));
    if (options.isRolling === true) {
      sim.at(RESIDENTS_COME_MS, () => {
        for (const id of RESIDENTS) world.comesBack(id);
      });
      for (const [i, name] of NODES.entries()) {
        sim.at(DEPLOY_MS + i * RESTART_MS, () => void world.restart(name));
      }
    } else badWeather(sim, FAULTS_MS, undefined, options.kind);
    await sim.run({ untilMs: QUIET_MS });
    await world.check();
  };
