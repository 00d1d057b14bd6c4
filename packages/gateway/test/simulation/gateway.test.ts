import { explore, type Scenario } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { gatewayScenario } from './gateway-scenario.ts';

/** A seed takes a quarter of a second of one core. simulation.seeds.test.ts has hundreds. */
const fourSeeds = (scenario: Scenario) => () =>
  explore({ seeds: 4, settleMs: 3000, scenario, simulation: { traceLimit: 200 } });

describe('a gateway whose workers are slower than its clients', () => {
  it('handles each line, and reads each connection', async () => {
    await fourSeeds(gatewayScenario())();
  });

  it('answers each line that it took once while all nodes leave and come back', async () => {
    await fourSeeds(gatewayScenario({ isOrderly: true }))();
  });

  it('is found within 200 seeds if it forgets a hold', async () => {
    const scenario = gatewayScenario({ fault: 'forgets holds' });
    // From seed 1 on, the seventh is the first to find it.
    const exploring = exploreMistake({ seeds: 200, firstSeed: 50, settleMs: 3000, scenario });
    await expect(exploring).rejects.toThrow(/was not read/);
  });

  it('is found within 200 seeds if it takes a message as answered without its answers', async () => {
    const scenario = gatewayScenario({ fault: 'forgets answers' });
    const exploring = exploreMistake({ seeds: 200, firstSeed: 1, settleMs: 3000, scenario });
    await expect(exploring).rejects.toThrow(/without an answer/);
  });
});
