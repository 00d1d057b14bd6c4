import { it } from 'vitest';
import { survive } from './chaos-scenario.ts';
import { codecScenario } from './codec-scenario.ts';

it(codecScenario.claim, () => survive(codecScenario, 20));
