import assert from 'node:assert';
import type { Cluster } from '@headrace/cluster';
import { connectionsOf } from '@headrace/gateway';
import type { Scenario, SimulatedHost, Simulation } from '@headrace/simulation';
import { BrokerDisk } from '../../../cluster/test/simulation/broker-log.ts';
import {
  joinFrom,
  NODES,
  optionsOf,
  runNodes,
} from '../../../cluster/test/simulation/cluster-world.ts';
import { type ApiAnswer, answerForError } from '../../src/http/api-error.ts';
import { IdempotentRequests } from '../../src/http/idempotent-requests.ts';
import { FAULTS_MS, FIRST_MS, leaveInOrder, nodeFaults } from './node-faults.ts';

const CLIENT = 'client';
const LIMITS = {
  idempotencyMs: 600_000,
  maxIdempotencyKeys: 10_000,
  maxIdempotencyBytes: 10_000_000,
};
const QUIET_MS = 60_000;
const END_MS = 75_000;
const TRIES = 8;
/** The time after which a client repeats a request. */
const TIMEOUT_MS = 3000;

/** What is wrong with the nodes, for a scenario that has to notice it. */
export type RepeatFault =
  | 'each node for itself'
  | 'the store ignores versions'
  | 'a claim without an answer counts'
  | 'an answer is stored at most once';

/** A request with an idempotency key, as its client knows it. */
class Repeated {
  readonly key: string;
  /** The answers of each attempt. */
  readonly answers: string[] = [];
  /** How often it was carried out, on all nodes. */
  times = 0;

  constructor(key: string) {
    this.key = key;
  }
}

/** The API of one process of a node. */
interface Api {
  readonly host: SimulatedHost;
  readonly process: SimulatedHost['currentProcess'];
  readonly cluster: Cluster;
  readonly requests: IdempotentRequests;
  /** Requests that are not answered yet. */
  readonly underWay: Set<Promise<void>>;
}

/** The parts of {@link IdempotentRequests} that a fault replaces. */
interface Breakable {
  claim(...given: unknown[]): Promise<unknown>;
  keepTrying(step: () => Promise<boolean>): void;
}

class RepeatWorld {
  private readonly sim: Simulation;
  private readonly fault: RepeatFault | undefined;
  private readonly apis = new Map<string, Api>();
  private readonly all: Repeated[] = [];

  constructor(sim: Simulation, fault: RepeatFault | undefined) {
    this.sim = sim;
    this.fault = fault;
  }

  async run(host: SimulatedHost): Promise<void> {
    const cluster = await joinFrom(host, { bus: optionsOf(host).bus });
    const peers = this.fault === 'each node for itself' ? undefined : connectionsOf(cluster).peers;
    const requests = new IdempotentRequests(peers, LIMITS, host.clock);
    this.breakIn(requests as unknown as Breakable);
    const process = host.currentProcess;
    this.apis.set(host.name, { host, process, cluster, requests, underWay: new Set() });
  }

  private breakIn(requests: Breakable): void {
    if (this.fault === 'a claim without an answer counts') {
      const claim = requests.claim.bind(requests);
      requests.claim = (...given) =>
        claim(...given).catch(() => ({ position: { epoch: '', offset: 1 } }));
    }
    if (this.fault === 'an answer is stored at most once') {
      requests.keepTrying = (step) => void step().catch(() => {});
    }
  }

  /** The node takes no further request, leaves, and joins again. */
  async leave(name: string): Promise<void> {
    const api = this.apis.get(name);
    if (api?.process?.isAlive !== true) return;
    this.apis.delete(name);
    const { host, process, cluster, underWay } = api;
    await leaveInOrder(host, cluster, underWay);
    if (process.isAlive) await this.run(host);
  }

  async client(host: SimulatedHost): Promise<void> {
    await after(host, FIRST_MS);
    while (this.sim.now < FAULTS_MS) {
      const one = new Repeated(`key ${this.all.length}`);
      this.all.push(one);
      void this.repeat(host, one);
      await after(host, 20 + host.random() * 200);
    }
  }

  /** Asks random nodes, often before the node that was asked first has answered, and sometimes after it has. */
  private async repeat(client: SimulatedHost, one: Repeated): Promise<void> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const name = NODES[Math.floor(client.random() * NODES.length)]!;
      const api = this.apis.get(name);
      // A node that is down, that joins, or that leaves, does not answer.
      if (api?.process?.isAlive === true) {
        api.host.clock.schedule(() => this.begin(api, one), 0);
      }
      await after(client, client.random() < 0.3 ? 10 : client.random() * TIMEOUT_MS);
    }
  }

  private begin({ host, requests, underWay }: Api, one: Repeated): void {
    const sent = this.send(host, requests, one).finally(() => underWay.delete(sent));
    underWay.add(sent);
  }

  private async send(
    host: SimulatedHost,
    requests: IdempotentRequests,
    one: Repeated,
  ): Promise<void> {
    const request = { scope: 'a', key: one.key, digest: 'd' };
    const answer = await requests
      .once(request, async () => {
        if (host.random() < 0.5) await after(host, host.random() * 500);
        one.times += 1;
        const value = { delivered: one.times };
        return { status: 200, value } satisfies ApiAnswer;
      })
      .catch((error: unknown) => {
        const refused = answerForError(error);
        assert.ok(refused !== undefined, `an error that no client understands: ${error}`);
        return refused;
      });
    one.answers.push(JSON.stringify(answer.value));
  }

  /** After all faults, no request stays under way. */
  askAll(): void {
    const [api] = [...this.apis.values()].filter(({ process }) => process?.isAlive === true);
    assert.ok(api !== undefined, 'no node is there');
    for (const one of this.all) api.host.clock.schedule(() => this.begin(api, one), 0);
  }

  check(): void {
    assert.ok(this.all.length > 100, 'the client hardly asked');
    for (const { key, times } of this.all) {
      assert.ok(times <= 1, `${key} was carried out ${times} times`);
    }
    for (const { key, times, answers } of this.all) {
      const last = answers.at(-1) ?? 'nothing';
      assert.match(last, /delivered|OUTCOME_UNKNOWN/, `${key} has no outcome in the end`);
      if (times === 1) continue;
      const wrong = answers.find((answer) => answer.includes('delivered'));
      assert.equal(wrong, undefined, `${key} was not carried out`);
    }
  }
}

function after(host: SimulatedHost, ms: number): Promise<void> {
  return new Promise((resolve) => void host.clock.schedule(resolve, ms));
}

/** Clients repeat requests at random nodes with the same key, while the bus and the nodes fail: each is carried out once at most. */
export const repeatScenario =
  (fault?: RepeatFault): Scenario =>
  async (sim) => {
    const world = new RepeatWorld(sim, fault);
    const disk = new BrokerDisk(
      fault === 'the store ignores versions' ? ('ignores versions' as never) : undefined,
    );
    runNodes(sim, (host) => world.run(host), disk);
    sim.host(CLIENT, (host) => world.client(host));
    nodeFaults(sim, (name) => world.leave(name));
    sim.at(QUIET_MS, () => world.askAll());
    await sim.run({ untilMs: END_MS });
    world.check();
  };
