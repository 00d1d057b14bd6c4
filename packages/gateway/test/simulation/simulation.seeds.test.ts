import { explore, type Scenario } from '@headrace/simulation';
import { describe, it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { gatewayScenario } from './gateway-scenario.ts';
import { repeatScenario } from './repeat-scenario.ts';
import { unheardScenario } from './unheard-scenario.ts';

const ALL: readonly (readonly [claim: string, seeds: number, scenario: Scenario])[] = [
  ['a gateway with slow workers handles each line', 200, gatewayScenario()],
  ['and answers it once while its nodes leave', 200, gatewayScenario({ isOrderly: true })],
  ['a repeated request is carried out once', 200, repeatScenario()],
  ['a node that is not heard gets each answer or a reason', 1000, unheardScenario()],
];

describe('thousands of seeds of chaos', () => {
  for (const [claim, seeds, scenario] of ALL) {
    it(claim, async () => void (await explore({ seeds, firstSeed, scenario, settleMs: 3000 })));
  }
});
