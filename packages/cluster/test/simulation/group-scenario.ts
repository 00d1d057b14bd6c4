import assert from 'node:assert';
import type { Cluster, ClusterGroup, Gap } from '@headrace/cluster';
import type { Channel } from '@headrace/core';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { badWeather, joinFrom, NODES, runNodes } from './cluster-world.ts';
import { connectMember } from './member.ts';

const FAULTS_MS = 6000;
const LAST_ACTION_MS = 7500;
const QUIET_MS = 16_000;

/** What a node got of one sender since its group listened: the first number, the last one, how many. */
interface Heard {
  first: number;
  last: number;
  count: number;
}

/** One life of a node's process. */
class NodeLife {
  readonly host: SimulatedHost;
  readonly cluster: Cluster;
  readonly room: ClusterGroup<string>;
  readonly members = new Map<Channel, string>();
  /** By sender, for the member that stays. */
  readonly heard = new Map<string, Heard>();
  /** By sender. */
  readonly lost = new Map<string, number>();
  /** As the events tell it. */
  readonly told = new Set<string>();
  written = 0;

  constructor(host: SimulatedHost, cluster: Cluster) {
    this.host = host;
    this.cluster = cluster;
    this.room = cluster.group<string>('room', {
      presence: 'ids',
      idOf: (channel) => this.members.get(channel),
    });
    this.room.on('memberJoined', ({ id, node }) => {
      assert.ok(!this.told.has(`${node} ${id}`), `${id} joined twice`);
      this.told.add(`${node} ${id}`);
    });
    this.room.on('memberLeft', ({ id, node }) => {
      assert.ok(this.told.delete(`${node} ${id}`), `${id} left, and was not there`);
    });
    this.room.on('gap', (gap) => this.gap(gap));
  }

  /** The member that stays as long as the node does. */
  take(text: string): void {
    const [sender, at] = text.split(' ') as [string, string];
    const number = Number(at);
    const heard = this.heard.get(sender);
    if (heard === undefined) {
      this.heard.set(sender, { first: number, last: number, count: 1 });
      return;
    }
    assert.ok(number > heard.last, `${this.host.name} got ${text} after ${heard.last}`);
    heard.last = number;
    heard.count += 1;
  }

  private gap({ node, lost }: Gap): void {
    assert.ok(lost > 0);
    // A hole is announced as soon as it is known; what came before it may not be flushed to the member yet.
    this.lost.set(node, (this.lost.get(node) ?? 0) + lost);
  }
}

class GroupWorld {
  readonly lives = new Map<string, NodeLife>();
  private readonly sim: Simulation;
  private names = 0;

  constructor(sim: Simulation) {
    this.sim = sim;
  }

  async run(host: SimulatedHost): Promise<void> {
    const cluster = await joinFrom(host);
    const life = new NodeLife(host, cluster);
    this.lives.set(host.name, life);
    const stays = await connectMember(host, (message) => life.take(message as string));
    this.names += 1;
    life.members.set(stays, `stays-${this.names}`);
    life.room.add(stays);
    this.come(life);
    this.write(life);
  }

  /** Members come and go. */
  private come(life: NodeLife): void {
    const { host } = life;
    host.clock.schedule(async () => {
      if (this.sim.now > LAST_ACTION_MS) return;
      const going = [...life.members].at(-1);
      if (life.members.size > 1 && host.random() < 0.45) {
        going![0].close();
        life.members.delete(going![0]);
      } else {
        const channel = await connectMember(host, () => {});
        // Some ids have several connections, also on several nodes.
        this.names += 1;
        life.members.set(channel, `m${host.random() < 0.3 ? this.names % 5 : this.names}`);
        life.room.add(channel);
      }
      this.come(life);
    }, host.random() * 1500);
  }

  private write(life: NodeLife): void {
    const { host, room, cluster } = life;
    host.clock.schedule(() => {
      if (this.sim.now > LAST_ACTION_MS) return;
      const count = Math.ceil(host.random() * 2);
      for (let i = 0; i < count; i += 1) {
        life.written += 1;
        room.write(`${cluster.nodeId} ${life.written}`);
      }
      room.flush();
      const own = life.heard.get(cluster.nodeId);
      assert.equal(own?.last, life.written, 'a member here waits for the bus');
      this.write(life);
    }, host.random() * 900);
  }

  check(): void {
    const lives = NODES.map((name) => this.lives.get(name)!);
    const all = lives.flatMap((life) =>
      [...new Set(life.members.values())].map((id) => `${life.cluster.nodeId} ${id}`),
    );
    let total = 0;
    for (const { members } of lives) total += members.size;
    for (const life of lives) {
      const { host, room, cluster, heard, told } = life;
      assert.equal(cluster.state, 'up', `${host.name} is down`);
      const who = [...room.who()].map(({ id, node }) => `${node} ${id}`);
      assert.deepEqual(who.toSorted(), all.toSorted(), `the view of ${host.name}`);
      assert.deepEqual([...told].toSorted(), all.toSorted(), `the events at ${host.name}`);
      assert.equal(room.total, total, `the total at ${host.name}`);
      assert.equal(cluster.nodes.length, NODES.length, `the nodes at ${host.name}`);
      for (const [sender, { first, last, count }] of heard) {
        const missed = life.lost.get(sender) ?? 0;
        assert.equal(count + missed, last - first + 1, `${host.name} of ${sender}`);
      }
    }
  }
}

/** Members and messages over three nodes: nothing twice, in order, losses counted, and one view in the end. */
export const groupScenario: Scenario = async (sim) => {
  const world = new GroupWorld(sim);
  runNodes(sim, (host) => world.run(host));
  badWeather(sim, FAULTS_MS);
  await sim.run({ untilMs: QUIET_MS });
  world.check();
};
