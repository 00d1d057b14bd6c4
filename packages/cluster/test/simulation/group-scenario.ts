import assert from 'node:assert';
import type { Cluster, ClusterGroup, Gap } from '@headrace/cluster';
import type { Channel } from '@headrace/core';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import type { OwnPresence } from '../../src/presence/own-presence.ts';
import { badWeather, joinFrom, NODES, runNodes, type WorldKind } from './cluster-world.ts';
import { connectMember } from './member.ts';

const FAULTS_MS = 6000;
const LAST_ACTION_MS = 7500;
const QUIET_MS = 16_000;
const ROOMS = ['hall', 'attic', 'yard'];
/** What is wrong with groups that are freed, for a scenario that has to notice it. */
export type FreedFault = 'numbers begin at 1' | 'members stay published';

/** What a node got of one sender since its group listened: the first number, the last one, how many. */
interface Heard {
  first: number;
  last: number;
  count: number;
}

/** A member in a group that is freed when it leaves. */
class Visit {
  readonly channel: Channel;
  readonly id: string;
  private readonly room: ClusterGroup<string>;
  private readonly lostBefore: number;
  /** By sender. */
  private readonly heard = new Map<string, Heard>();

  constructor(room: ClusterGroup<string>, channel: Channel, id: string) {
    this.room = room;
    this.lostBefore = room.counters.lost;
    this.channel = channel;
    this.id = id;
  }

  take(text: string): void {
    takeInto(this.heard, text, this.id);
  }

  /** What did not come between two messages of a sender was counted as lost. */
  check(): void {
    let missing = 0;
    for (const { first, last, count } of this.heard.values()) missing += last - first + 1 - count;
    const lost = this.room.counters.lost - this.lostBefore;
    assert.equal(missing, lost, `${this.id} in ${this.room.name} missed`);
  }
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
  /** By room: who is in it, one at a time. */
  readonly visits = new Map<string, Visit>();
  private readonly writtenTo = new Map<string, number>();
  private readonly ids = new Map<Channel, string>();

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
    takeInto(this.heard, text, this.host.name);
  }

  /** The group is made anew where it was freed. */
  roomOf(name: string): ClusterGroup<string> {
    return this.cluster.group<string>(name, {
      lives: 'with-members',
      presence: 'ids',
      idOf: this.idOf,
    });
  }

  /** A member comes to a room where there is none, or goes; both in one turn now and then. */
  async visit(name: string, id: string): Promise<void> {
    const { host, visits } = this;
    const going = visits.get(name);
    if (going !== undefined) {
      going.check();
      visits.delete(name);
      this.roomOf(name).remove(going.channel);
      going.channel.close();
      if (host.random() < 0.7) return;
    }
    let visit: Visit | undefined;
    const take = (message: unknown): void => visit?.take(message as string);
    const channel = await connectMember(host, take);
    if (visits.has(name)) return void channel.close();
    const room = this.roomOf(name);
    this.ids.set(channel, id);
    visit = new Visit(room, channel, id);
    visits.set(name, visit);
    room.add(channel);
  }

  /** Also where nobody is in the room here. */
  say(name: string): void {
    const number = (this.writtenTo.get(name) ?? 0) + 1;
    this.writtenTo.set(name, number);
    this.roomOf(name).writeAndFlush(`${this.cluster.nodeId} ${number}`);
  }

  private readonly idOf = (channel: Channel): string | undefined => this.ids.get(channel);

  private gap({ node, lost }: Gap): void {
    assert.ok(lost > 0);
    // A hole is announced as soon as it is known; what came before it may not be flushed to the member yet.
    this.lost.set(node, (this.lost.get(node) ?? 0) + lost);
  }
}

/** @throws AssertionError for a number that is not above the last one of its sender */
function takeInto(all: Map<string, Heard>, text: string, name: string): void {
  const [sender, at] = text.split(' ') as [string, string];
  const number = Number(at);
  const heard = all.get(sender);
  if (heard === undefined) {
    all.set(sender, { first: number, last: number, count: 1 });
    return;
  }
  assert.ok(number > heard.last, `${name} got ${text} after ${heard.last}`);
  heard.last = number;
  heard.count += 1;
}

/** Breaks what frees the groups of a node. */
function broken({ parts: { wire, presence } }: Cluster, fault: FreedFault): void {
  if (fault === 'numbers begin at 1') wire.end = (line) => wire.forget(line);
  else {
    const own = presence['own'] as OwnPresence;
    own.free = (members) => {
      own['groups'] = own['groups'].filter((one: unknown) => one !== members);
      own['dirty'].delete(members);
    };
  }
}

class GroupWorld {
  readonly lives = new Map<string, NodeLife>();
  private readonly sim: Simulation;
  private readonly fault: FreedFault | undefined;
  private readonly kind: WorldKind;
  private names = 0;

  constructor(sim: Simulation, fault: FreedFault | undefined, kind: WorldKind) {
    this.sim = sim;
    this.fault = fault;
    this.kind = kind;
  }

  async run(host: SimulatedHost): Promise<void> {
    const cluster = await joinFrom(host, {}, this.kind);
    const life = new NodeLife(host, cluster);
    if (this.fault !== undefined) broken(cluster, this.fault);
    this.lives.set(host.name, life);
    const stays = await connectMember(host, (message) => life.take(message as string));
    this.names += 1;
    life.members.set(stays, `stays-${this.names}`);
    life.room.add(stays);
    this.come(life);
    this.write(life);
    this.visit(life);
  }

  /** Members come to rooms and leave them, and rooms get messages. */
  private visit(life: NodeLife): void {
    const { host } = life;
    host.clock.schedule(() => {
      if (this.sim.now > LAST_ACTION_MS) return;
      const name = ROOMS[Math.floor(host.random() * ROOMS.length)]!;
      this.names += 1;
      if (host.random() < 0.4) void life.visit(name, `v${this.names}`);
      else life.say(name);
      this.visit(life);
    }, host.random() * 400);
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

  private checkRooms(lives: readonly NodeLife[]): void {
    for (const { host, cluster, visits } of lives) {
      assert.equal(cluster.groupCount, 1 + visits.size, `the groups at ${host.name}`);
    }
    for (const name of ROOMS) {
      const real = lives.flatMap(({ cluster, visits }) => {
        const visit = visits.get(name);
        return visit === undefined ? [] : [`${cluster.nodeId} ${visit.id}`];
      });
      for (const life of lives) {
        life.visits.get(name)?.check();
        const room = life.roomOf(name);
        const who = [...room.who()].map(({ id, node }) => `${node} ${id}`);
        assert.deepEqual(who.toSorted(), real.toSorted(), `${name}, as ${life.host.name} sees it`);
        assert.equal(room.total, real.length, `the total of ${name} at ${life.host.name}`);
      }
    }
  }

  check(): void {
    const lives = NODES.map((name) => this.lives.get(name)!);
    const all = lives.flatMap((life) =>
      [...new Set(life.members.values())].map((id) => `${life.cluster.nodeId} ${id}`),
    );
    this.checkRooms(lives);
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

/** Members and messages over three nodes, in a group that stays and in rooms that are freed: nothing twice, in order, losses counted, and one view in the end. */
export const groupScenarioWith =
  (fault?: FreedFault, kind: WorldKind = 'broker'): Scenario =>
  async (sim) => {
    const world = new GroupWorld(sim, fault, kind);
    runNodes(sim, (host) => world.run(host));
    badWeather(sim, FAULTS_MS, undefined, kind);
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };

export const groupScenario: Scenario = groupScenarioWith();
