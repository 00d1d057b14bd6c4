import { describe, it } from 'vitest';
import { FIRST_SEED } from '../../../core/test/fixture/first-seed.ts';
import { survive } from './chaos-scenario.ts';
import { groupScenarios } from './group-scenario.ts';

const SEEDS = 500;
/** A seed takes about 50 ms of one core. */
const TIMEOUT_MS = 900_000;

describe(`${SEEDS} seeds of chaos`, () => {
  for (const one of groupScenarios) {
    it(one.claim, () => survive(one, SEEDS, FIRST_SEED), TIMEOUT_MS);
  }
});
