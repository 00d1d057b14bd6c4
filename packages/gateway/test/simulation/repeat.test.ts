import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { repeatScenario } from './repeat-scenario.ts';

/** simulation.seeds.test.ts has hundreds. */
const explored = (seeds: number, scenario = repeatScenario(), firstSeed = 1) =>
  explore({ seeds, firstSeed, settleMs: 3000, scenario, simulation: { traceLimit: 200 } });

describe('requests with idempotency keys that clients repeat at all nodes', () => {
  it('are carried out at most once while the bus and the nodes fail', async () => {
    await explored(2);
  });

  it('are found to be carried out twice if each node keeps its own keys', async () => {
    await expect(explored(2, repeatScenario('each node for itself'))).rejects.toThrow(
      /was carried out \d times/,
    );
  });

  // Each tenth seed finds it. The first one that did is the first one here, because a seed takes a second.
  it('are found to be carried out twice within 20 seeds if nodes make no copies', async () => {
    await expect(explored(20, repeatScenario('no copies'), 15)).rejects.toThrow(
      /was carried out \d times/,
    );
  });
});
