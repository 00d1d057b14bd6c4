// As many of the seeds as two minutes take: all of them on a fast machine.
import { explore } from '@headrace/core/testing';
import { it } from 'vitest';
import { onlyUnsent, simulatedCalls } from './simulated-calls.ts';

it('L26 calls over thousands of networks that fail settle once, and nothing is executed twice', async () => {
  await explore({ seeds: 10_000, timeMs: 120_000, scenario: simulatedCalls(onlyUnsent) });
});
