import { describe, it } from 'vitest';
import { survive } from './chaos-scenario.ts';
import { calmScenario, heartbeatScenario } from './heartbeat-scenario.ts';

describe('heartbeats under chaos', () => {
  it(heartbeatScenario.claim, () => survive(heartbeatScenario, 20));
  it(calmScenario.claim, () => survive(calmScenario, 15));
});
