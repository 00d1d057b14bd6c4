import { it } from 'vitest';
import { authScenario } from './auth-scenario.ts';
import { survive } from './chaos-scenario.ts';

it(authScenario.claim, () => survive(authScenario, 10));
