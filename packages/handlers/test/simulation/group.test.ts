import { describe, it } from 'vitest';
import { survive } from './chaos-scenario.ts';
import { groupScenarios } from './group-scenario.ts';

describe('groups under chaos', () => {
  for (const one of groupScenarios) it(one.claim, () => survive(one, 4));
});
