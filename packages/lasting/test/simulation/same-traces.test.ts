import { describe, it } from 'vitest';
import { expectSameTraces } from '../../../simulation/test/fixture/same-traces.ts';
import {
  goneScenario,
  lastingScenario,
  LASTING_SETTLE_MS as settleMs,
} from './lasting-scenario.ts';

describe('one seed gives one trace of lasting channels', () => {
  it('that outlive their connections', () => expectSameTraces(lastingScenario(), { settleMs }));

  it('that are gone', () => expectSameTraces(goneScenario(), { settleMs }));
});
