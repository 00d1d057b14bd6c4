import { Cluster } from '@headrace/cluster';
import { Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';
import { describeSameTraces } from '../../../simulation/test/fixture/same-traces.ts';
import { optionsOf, runNodes } from './cluster-world.ts';
import { TRACED } from './traced-scenarios.ts';

describeSameTraces('a cluster', TRACED);

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
