import { SeededRandom } from '@headrace/core/testing';
import type { ChaosOptions, FaultKind, Simulation } from '@headrace/simulation';
import { NODES } from '../../../cluster/test/simulation/cluster-world.ts';

export const FIRST_MS = 4000;
export const FAULTS_MS = 40_000;
/** Two nodes do not end within the time in which one counts as gone, and its keys are copied. */
const BETWEEN_CRASHES_MS = 12_000;
/** Time from a crash until its node counts as gone, and its keys are copied. */
const GONE_MS = 6500;
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
 * over. Between two ends, many come at once.
 */
export function keeperFaults(sim: Simulation): void {
  const random = new SeededRandom(sim.seed, 'crashes');
  for (let atMs = FIRST_MS; atMs < FAULTS_MS; atMs += EACH_MS) {
    const [kind, hosts] = random.pick(SINGLE);
    // At most one fault: twice the mean is 1.
    const perMinute = 30_000 / FOR_MS;
    sim.chaos({ ...during(atMs, FOR_MS), [kind]: perMinute, hosts });
  }
  for (let atMs = 8000; atMs < FAULTS_MS; atMs += BETWEEN_CRASHES_MS) {
    const name = random.pick(NODES);
    const downMs = random.between(10, 3000);
    sim.at(atMs, () => (random.next() < 0.5 ? sim.crash(name) : sim.stop(name)));
    sim.at(Math.round(atMs + downMs), () => sim.restart(name));
    const storm = during(atMs + GONE_MS, FOR_MS);
    sim.chaos({ ...storm, partition: 30, reset: 40, slow: 25 });
    sim.chaos({ ...storm, freeze: 25, hosts: NODES });
    sim.chaos({ ...storm, crash: 15, stop: 15, hosts: ['bus'] });
  }
}

function during(fromMs: number, forMs: number): ChaosOptions {
  return { forMs: { minMs: 50, maxMs: forMs }, fromMs, untilMs: fromMs + forMs };
}
