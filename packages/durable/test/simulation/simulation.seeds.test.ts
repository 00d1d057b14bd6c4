import { explore, type Scenario } from '@headrace/simulation';
import { describe, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { durableScenario } from './durable-scenario.ts';

const ALL: readonly (readonly [claim: string, seeds: number, scenario: Scenario])[] = [
  ['a durable room loses nothing, and gives nothing twice', 1000, durableScenario()],
  ['and while its nodes leave and come back', 1000, durableScenario({ isRolling: true })],
];

describe('thousands of seeds of chaos', () => {
  for (const [claim, seeds, scenario] of ALL) {
    it(claim, async () => void (await explore({ seeds, firstSeed, scenario, settleMs: 3000 })));
  }
});
