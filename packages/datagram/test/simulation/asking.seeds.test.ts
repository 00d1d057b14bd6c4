import { expect, it } from 'vitest';
import { FIRST_SEED } from '../../../core/test/fixture/first-seed.ts';
import { askThrough } from './asking-scenario.ts';

const SEEDS = 10_000;

it(`on ${SEEDS} lossy networks each request is answered or reported, and none is executed twice`, async () => {
  const { seeds, answered, reported } = await askThrough(SEEDS, FIRST_SEED);
  // HEADRACE_SEED runs one alone.
  if (seeds === SEEDS) expect(Math.min(answered, reported)).toBeGreaterThan(SEEDS);
});
