// A seed takes about 10 ms of one core.
import { explore } from '@headrace/simulation';
import { it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { onlyUnsent, SETTLE_MS as settleMs, simulatedCalls } from './simulated-calls.ts';

it('calls over 2,000 networks that fail settle once, and nothing is executed twice', async () => {
  await explore({ seeds: 2000, firstSeed, settleMs, scenario: simulatedCalls(onlyUnsent) });
});
