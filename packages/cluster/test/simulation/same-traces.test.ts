import { Cluster } from '@headrace/cluster';
import { type Scenario, Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';
import { optionsOf, runNodes } from './cluster-world.ts';
import { groupScenario } from './group-scenario.ts';
import { userScenario } from './user-scenario.ts';

async function traceOf(scenario: Scenario, seed: number) {
  const sim = new Simulation({ seed });
  await scenario(sim);
  await sim.verify(3000);
  return { lines: sim.trace.text().split('\n'), hash: sim.trace.hash };
}

// One product is enough: in all others, the simulation itself refuses time and random numbers that are not its host's.
it.each<[string, Scenario]>([
  ['groups and presence', groupScenario],
  ['users', userScenario()],
])('one seed gives one trace of a cluster with %s', async (_, scenario) => {
  for (const seed of [1, 2]) {
    const first = await traceOf(scenario, seed);
    const second = await traceOf(scenario, seed);
    // The lines first: they show where the runs part. The hash has the bytes of all segments.
    expect(second.lines, `seed ${seed}`).toEqual(first.lines);
    expect(second.hash, `seed ${seed}`).toBe(first.hash);
  }
});

it('a node without the random numbers of its host is found', async () => {
  const failureOf = async (left: 'random' | 'randomBytes') => {
    const sim = new Simulation({ seed: 1 });
    runNodes(sim, (host) => {
      const { [left]: _left, ...options } = optionsOf(host);
      return Cluster.join(options);
    });
    await sim.run({ untilMs: 20_000 });
  };
  await expect(failureOf('random')).rejects.toThrow('called Math.random()');
  await expect(failureOf('randomBytes')).rejects.toThrow('called crypto.randomBytes()');
});
