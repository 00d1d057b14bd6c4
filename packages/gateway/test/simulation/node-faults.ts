import type { Cluster } from '@headrace/cluster';
import { SeededRandom } from '@headrace/core/testing';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { NODES } from '../../../cluster/test/simulation/cluster-world.ts';

export const FIRST_MS = 3000;
export const FAULTS_MS = 40_000;
/** So long that other nodes take a node for gone that lives. */
const LONGEST_MS = 8000;
const BETWEEN_LEAVES_MS = 9000;
const DRAIN_MS = 10_000;

/**
 * Faults of every kind, of the bus and its store, the nodes and the links, often several at once. Nodes also leave as planned, and all of
 * them are restarted at once.
 *
 * @param leave - lets a node leave and join again
 */
export function nodeFaults(sim: Simulation, leave: (name: string) => Promise<void>): void {
  const random = new SeededRandom(sim.seed, 'ends');
  const weather = { forMs: { minMs: 50, maxMs: LONGEST_MS }, untilMs: FAULTS_MS };
  sim.chaos({ partition: 6, reset: 20, slow: 4, ...weather });
  sim.chaos({ crash: 1, stop: 2, freeze: 1, hosts: ['bus'], ...weather });
  sim.chaos({ crash: 2, stop: 2, freeze: 4, hosts: NODES, ...weather });
  for (let atMs = 8000; atMs < FAULTS_MS; atMs += BETWEEN_LEAVES_MS) {
    const name = random.pick(NODES);
    sim.at(atMs, () => void leave(name));
  }
  const endMs = random.between(10_000, FAULTS_MS);
  for (const name of NODES) {
    sim.at(Math.round(endMs), () => sim.crash(name));
    sim.at(Math.round(endMs + random.between(10, 3000)), () => sim.restart(name));
  }
}

/** Leaves the cluster when the requests under way are answered, as a server does that is drained. */
export async function leaveInOrder(
  { clock }: SimulatedHost,
  cluster: Cluster,
  underWay: Iterable<Promise<void>>,
): Promise<void> {
  const shutdown = async (): Promise<void> => {
    const late = new Promise((resolve) => void clock.schedule(() => resolve(undefined), DRAIN_MS));
    await Promise.race([Promise.all(underWay), late]);
  };
  await cluster.leave({ servers: [{ shutdown }], drainTimeoutMs: DRAIN_MS });
}
