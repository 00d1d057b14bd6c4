import { describe, it } from 'vitest';
import { survive } from './chaos-scenario.ts';
import { flowScenarios } from './flow-scenario.ts';

describe('flow control under chaos', () => {
  for (const one of flowScenarios) it(one.claim, () => survive(one, 8));
});
