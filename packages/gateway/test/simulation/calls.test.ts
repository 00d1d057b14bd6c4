import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { callsScenario } from './calls-scenario.ts';

/** simulation.seeds.test.ts has hundreds. */
const explored = (seeds: number, scenario = callsScenario()) =>
  explore({ seeds, settleMs: 3000, scenario, simulation: { traceLimit: 200 } });

describe('calls from outside that clients repeat at all nodes', () => {
  it('change each connection at most once, and keep their effect, while the bus and the nodes fail', async () => {
    await explored(2);
  });

  it('are found to be carried out again if each node keeps its own keys', async () => {
    await expect(explored(2, callsScenario('each node for itself'))).rejects.toThrow(
      /was carried out again/,
    );
  });

  it('are found to list connections twice if a list begins again', async () => {
    await expect(explored(2, callsScenario('the list begins again'))).rejects.toThrow(
      /has a connection twice/,
    );
  });
});
