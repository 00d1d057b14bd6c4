import type { Cluster } from '@headrace/cluster';
import { SeededRandom } from '@headrace/core/testing';
import type { ChaosOptions, FaultKind, SimulatedHost, Simulation } from '@headrace/simulation';
import { NODES } from '../../../cluster/test/simulation/cluster-world.ts';

export const FIRST_MS = 4000;
export const FAULTS_MS = 40_000;
/** Two nodes do not end within the time in which one counts as gone, and its keys are copied. */
const BETWEEN_CRASHES_MS = 12_000;
/** Time from a crash until its node counts as gone, and its keys are copied. */
const GONE_MS = 6500;
/** Time around the planned end of two nodes in which no fault begins: they need the bus to give away their keys. */
const CALM_MS = 4000;
const DRAIN_MS = 10_000;
/** How nodes end: the process dies, or one node, or two at once, leave as planned. */
const ENDS = ['crash', 'stop', 'leave', 'leave both'] as const;
/** Distance of faults, and their maximum duration. */
const EACH_MS = 3000;
const FOR_MS = 2000;
const SINGLE: readonly (readonly [kind: FaultKind, hosts: readonly string[]])[] = [
  ['partition', NODES],
  ['reset', NODES],
  ['slow', NODES],
  ['freeze', NODES],
  ['crash', ['bus']],
  ['stop', ['bus']],
];

/**
 * Faults that leave at least one of the two nodes that keep a key: one node ends at a time, and beside it no node is cut off for
 * the 5 s after which it counts as gone. So around the end of a node, faults are short, and none begins before the one before is
 * over. Between two ends, many come at once. Nodes that leave as planned give their keys away first, so two may leave at once.
 *
 * @param leave - lets a node leave and join again
 */
export function keeperFaults(sim: Simulation, leave: (name: string) => Promise<void>): void {
  const random = new SeededRandom(sim.seed, 'crashes');
  const calm: number[] = [];
  for (let atMs = 8000; atMs < FAULTS_MS; atMs += BETWEEN_CRASHES_MS) {
    const name = random.pick(NODES);
    const downMs = random.between(10, 3000);
    const end = random.pick(ENDS);
    if (end === 'leave' || end === 'leave both') {
      sim.at(atMs, () => void leave(name));
      if (end === 'leave both') {
        calm.push(atMs);
        const other = random.pick(NODES.filter((node) => node !== name));
        sim.at(Math.round(atMs + random.between(0, 100)), () => void leave(other));
      }
    } else {
      sim.at(atMs, () => sim[end](name));
      sim.at(Math.round(atMs + downMs), () => sim.restart(name));
    }
    const storm = during(atMs + GONE_MS, FOR_MS);
    sim.chaos({ ...storm, partition: 30, reset: 40, slow: 25 });
    sim.chaos({ ...storm, freeze: 25, hosts: NODES });
    sim.chaos({ ...storm, crash: 15, stop: 15, hosts: ['bus'] });
  }
  for (let atMs = FIRST_MS; atMs < FAULTS_MS; atMs += EACH_MS) {
    const [kind, hosts] = random.pick(SINGLE);
    if (calm.some((endMs) => Math.abs(endMs - atMs) <= CALM_MS)) continue;
    // At most one fault: twice the mean is 1.
    const perMinute = 30_000 / FOR_MS;
    sim.chaos({ ...during(atMs, FOR_MS), [kind]: perMinute, hosts });
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

function during(fromMs: number, forMs: number): ChaosOptions {
  return { forMs: { minMs: 50, maxMs: forMs }, fromMs, untilMs: fromMs + forMs };
}
