import { readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { explore, Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { describeFunctions } from '../../core/test/fixture/function-options.ts';

const WRONG = { unknownOption: 1 } as never;
const simulation = () => {
  const made = new Simulation({ seed: 1 });
  made.host('a', () => {});
  return made;
};

/** What takes options, by the name of their type. */
const TAKERS: Readonly<Record<string, () => unknown>> = {
  ChaosOptions: () => simulation().chaos(WRONG),
  ExploreOptions: () => explore(WRONG),
  LatencyOptions: () => new Simulation({ seed: 1, latency: WRONG }),
  PartitionOptions: () => simulation().partition('a', 'a', WRONG),
  SimulationOptions: () => new Simulation(WRONG),
  SimulationRunOptions: () => simulation().run(WRONG),
};

describe('options', () => {
  for (const [type, take] of Object.entries(TAKERS)) {
    it(`${type}: an unknown name is refused`, async () => {
      const attempt = async () => take();
      await expect(attempt()).rejects.toMatchObject({ name: 'OptionError' });
      await expect(attempt()).rejects.toThrow(/has no option unknownOption \(1\)/);
    });
  }

  it('every exported type of options is checked above', () => {
    const list = readFileSync(new URL('../src/index.ts', import.meta.url), 'utf8');
    expect(list.match(/\w+Options\b/g)?.sort()).toEqual(Object.keys(TAKERS));
  });
});

describeFunctions(new URL('../src/', import.meta.url), {
  'explore scenario': async (scenario, errors) => {
    // A scenario is a test, whose runner has the limit of its time.
    const limited = () => Promise.race([scenario(), Promise.resolve()]);
    const options = { seeds: 1, timeMs: 1, settleMs: 10, diagramFile: devNull };
    const exploring = explore({ ...options, scenario: limited });
    await exploring.catch((error: Error) => void errors.push(error.message));
    expect(errors).toHaveLength(1);
  },
});
