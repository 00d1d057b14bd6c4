import assert from 'node:assert';
import type { Cluster } from '@headrace/cluster';
import { commandsOf } from '@headrace/cluster/authoring';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel, type VirtualClock } from '@headrace/core/testing';
import { connectionsOf, Gateway } from '@headrace/gateway';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { joinFrom, optionsOf, runNodes } from '../../../cluster/test/simulation/cluster-world.ts';
import { type ApiAnswer, answerForError } from '../../src/http/api-error.ts';
import { type ApiCaller, ApiOperations } from '../../src/http/api-operations.ts';
import { type ApiRequest, ROUTES } from '../../src/http/api-routes.ts';
import { IdempotentRequests } from '../../src/http/idempotent-requests.ts';
import { FAULTS_MS, FIRST_MS, leaveInOrder, nodeFaults } from './node-faults.ts';

const CLIENT = 'client';
const LIMITS = {
  idempotencyMs: 600_000,
  maxIdempotencyKeys: 10_000,
  maxIdempotencyBytes: 10_000_000,
};
const RULES = { target: undefined, checkMessage: undefined, describe: undefined };
const QUIET_MS = 75_000;
const CALM_MS = 20_000;
const CONNECTIONS = 5;
const TRIES = 6;
/** The time after which a client repeats a call. */
const TIMEOUT_MS = 3000;
/** A request without a body or a name. No call here is a stream. */
const NOTHING: ApiRequest = {
  body: undefined,
  name: undefined,
  query: new URLSearchParams(),
  stream: (listen) => listen,
};
const EVERYTHING: ApiCaller = {
  charge: () => {},
  checkTarget: () => {},
  checkException: () => {},
  visible: (all) => all,
};

/** What is wrong with the nodes, for a scenario that has to notice it. */
export type CallsFault = 'each node for itself' | 'the list begins again';

/** A call that changes connections. Its tag is the group, user, message or member of the session that no other call has. */
interface Call {
  readonly path: string;
  readonly body: object;
  readonly tag: string;
  readonly answers: ApiAnswer[];
}

/** One stay of a node in the cluster, with a gateway and an API. */
interface Life {
  readonly host: SimulatedHost;
  readonly process: SimulatedHost['currentProcess'];
  readonly cluster: Cluster;
  /** What the connections received. */
  readonly texts: unknown[];
  readonly api: ApiOperations;
  readonly requests: IdempotentRequests;
  /** How often the gateway carried out the command of a tag. */
  readonly done: Map<string, number>;
  /** Calls that are not answered yet. */
  readonly underWay: Set<Promise<void>>;
  isLeaving: boolean;
}

class CallsWorld {
  private readonly sim: Simulation;
  private readonly fault: CallsFault | undefined;
  private readonly lives: Life[] = [];
  private readonly calls: Call[] = [];
  private lists = 0;

  constructor(sim: Simulation, fault: CallsFault | undefined) {
    this.sim = sim;
    this.fault = fault;
  }

  async run(host: SimulatedHost): Promise<void> {
    const cluster = await joinFrom<string>(host, { bus: optionsOf(host).bus });
    const gateway = new Gateway<string>({ cluster });
    const texts: unknown[] = [];
    const noted: Handler = {
      sharable: true,
      write(ctx, message) {
        texts.push(message);
        return ctx.write(message);
      },
    };
    // The clock of the simulation, which the channel does not advance.
    const parts = { clock: host.clock as VirtualClock, logger: host.logger };
    for (let i = 0; i < CONNECTIONS; i += 1) EmbeddedChannel.with(parts, noted, gateway.handler());
    const connections = connectionsOf(cluster);
    if (this.fault === 'the list begins again') {
      const { page } = connections;
      connections.page = (of, limit) => page.call(connections, of, limit);
    }
    const peers = this.fault === 'each node for itself' ? undefined : connections.peers;
    const life: Life = {
      host,
      process: host.currentProcess,
      cluster: cluster as Cluster,
      texts,
      api: new ApiOperations(connections, { ...RULES, maxBatch: 100, maxListed: 4 }, failed),
      requests: new IdempotentRequests(peers, LIMITS, host.clock),
      done: new Map(),
      underWay: new Set(),
      isLeaving: false,
    };
    const commands = commandsOf(cluster);
    const execute = commands['listener']!;
    commands['listener'] = (command: Record<string, unknown>) => {
      const { name, message, changes } = command;
      const tag = String(name ?? message ?? Object.keys(changes ?? {})[0]);
      life.done.set(tag, (life.done.get(tag) ?? 0) + 1);
      return execute(command);
    };
    this.lives.push(life);
  }

  /** The node takes no further call, leaves, and joins again. */
  async leave(name: string): Promise<void> {
    const life = this.living.find(({ host }) => host.name === name);
    if (life === undefined) return;
    life.isLeaving = true;
    const { host, process, cluster, underWay } = life;
    await leaveInOrder(host, cluster, underWay);
    if (process?.isAlive === true) await this.run(host);
  }

  private get living(): Life[] {
    return this.lives.filter(({ process, isLeaving }) => process?.isAlive === true && !isLeaving);
  }

  async client(host: SimulatedHost): Promise<void> {
    await after(host, FIRST_MS);
    while (this.sim.now < FAULTS_MS) {
      void this.repeat(host, this.call(host));
      if (host.random() < 0.3) void this.list(host);
      await after(host, 20 + host.random() * 300);
    }
    await after(host, CALM_MS);
    await this.list(host);
  }

  private call(host: SimulatedHost): Call {
    const tag = `tag${this.calls.length}`;
    const to = { all: true };
    const made = [
      ['/join', { to, group: tag }],
      ['/bind', { to, user: tag }],
      ['/session', { to, changes: { [tag]: 1 } }],
      ['/publish', { to, message: tag, except: [{ user: 'nobody' }] }],
    ] as const;
    const [path, body] = made[Math.floor(host.random() * made.length)]!;
    const call: Call = { path, body, tag, answers: [] };
    this.calls.push(call);
    return call;
  }

  /** Asks random nodes, often before the node that was asked first has answered, and sometimes after it has. */
  private async repeat(client: SimulatedHost, call: Call): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const life = this.random(client);
      // A node that is down, that joins, or that leaves, does not answer.
      if (life !== undefined) life.host.clock.schedule(() => this.begin(life, call), 0);
      await after(client, client.random() < 0.3 ? 10 : client.random() * TIMEOUT_MS);
    }
  }

  private random(client: SimulatedHost): Life | undefined {
    const { living } = this;
    return living[Math.floor(client.random() * living.length)];
  }

  private begin(life: Life, call: Call): void {
    const { underWay } = life;
    const sent = this.send(life, call).finally(() => underWay.delete(sent));
    underWay.add(sent);
  }

  private async send({ api, requests }: Life, { path, body, tag, answers }: Call): Promise<void> {
    const { answer } = ROUTES.find((one) => one.path === path)!;
    const given = { ...NOTHING, body };
    const request = { scope: 'a', key: tag, digest: path };
    const run = async (): Promise<ApiAnswer> => {
      return { status: 200, value: await answer(api, given, EVERYTHING) };
    };
    answers.push(await requests.once(request, () => run().catch(failed)).catch(failed));
  }

  /** Reads the parts of a list at random nodes. Each connection is in one of them. */
  private async list(client: SimulatedHost): Promise<void> {
    const { answer } = ROUTES.find(({ path }) => path === '/connections')!;
    const ids: string[] = [];
    let query = '';
    while (ids.length < 100) {
      const life = this.random(client);
      if (life === undefined) return;
      const given = { ...NOTHING, query: new URLSearchParams(query) };
      const part = await new Promise<object>((resolve) => {
        const give = () =>
          answer(life.api, given, EVERYTHING).catch((error) => failed(error).value);
        // A node that dies meanwhile never answers.
        life.host.clock.schedule(() => void give().then(resolve), 0);
      });
      const { connections, next } = part as { connections?: { id: string }[]; next?: string };
      if (connections === undefined) return;
      ids.push(...connections.map(({ id }) => id));
      assert.equal(new Set(ids).size, ids.length, `a list has a connection twice: ${ids}`);
      if (next === undefined) break;
      query = `after=${next}`;
    }
    this.lists += 1;
  }

  check(): void {
    const { calls, lives, living } = this;
    assert.ok(calls.length > 100, 'the client hardly called');
    assert.ok(this.lists > 0, 'no list was read');
    let carriedOut = 0;
    for (const { path, tag, answers } of calls) {
      const reached = lives.filter(({ done }) => done.has(tag));
      for (const { host, done } of reached) {
        assert.equal(done.get(tag), 1, `${path} ${tag} was carried out again at ${host.name}`);
      }
      const counts = answers.filter(({ status }) => status === 200).map(countOf);
      assert.ok(new Set(counts).size <= 1, `${path} ${tag} has different answers: ${counts}`);
      if (counts[0] === undefined) continue;
      carriedOut += 1;
      const most = reached.length * CONNECTIONS;
      assert.ok(counts[0] <= most, `${path} ${tag} counts ${counts[0]} connections of ${most}`);
      for (const life of living) if (life.done.has(tag)) checkEffect(life, path, tag);
    }
    assert.ok(carriedOut > 20, `only ${carriedOut} calls were answered with 200`);
  }
}

/** What a call has done at a gateway stays, whatever becomes of the node that received the call. */
function checkEffect({ cluster, texts }: Life, path: string, tag: string): void {
  const members = {
    '/join': cluster.knownGroup(tag)?.size,
    '/bind': cluster.users.channels(tag).length,
    '/publish': texts.filter((one) => one === tag).length,
    '/session': CONNECTIONS,
  }[path];
  assert.equal(members, CONNECTIONS, `${path} ${tag} has no effect`);
}

function failed(error: unknown): ApiAnswer {
  const answer = answerForError(error);
  assert.ok(answer !== undefined, `an error that no client understands: ${error}`);
  return answer;
}

function countOf({ value }: ApiAnswer): number {
  const { count, delivered } = value as { count?: number; delivered?: number };
  return count ?? delivered!;
}

function after(host: SimulatedHost, ms: number): Promise<void> {
  return new Promise((resolve) => void host.clock.schedule(resolve, ms));
}

/** Clients change connections from outside, and repeat the calls at random nodes, while the bus and the nodes fail. */
export const callsScenario =
  (fault?: CallsFault): Scenario =>
  async (sim) => {
    const world = new CallsWorld(sim, fault);
    runNodes(sim, (host) => world.run(host));
    sim.host(CLIENT, (host) => world.client(host));
    nodeFaults(sim, (name) => world.leave(name));
    await sim.run({ untilMs: QUIET_MS });
    world.check();
  };
