import { Cluster } from '@headrace/cluster';
import { Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { expectSameTraces } from '../../../simulation/test/fixture/same-traces.ts';
import { optionsOf, runNodes } from './cluster-world.ts';
import { durableScenario } from './durable-scenario.ts';
import { groupScenario } from './group-scenario.ts';
import { userScenario } from './user-scenario.ts';

const END = { settleMs: 3000 };

describe('one seed gives one trace of a cluster', () => {
  it('with groups and presence', () => expectSameTraces(groupScenario, END));

  it('with users', () => expectSameTraces(userScenario(), END));

  it('with durable groups', () => expectSameTraces(durableScenario(), END));

  it('whose nodes leave and join again', () =>
    expectSameTraces(durableScenario({ isRolling: true }), END));
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
