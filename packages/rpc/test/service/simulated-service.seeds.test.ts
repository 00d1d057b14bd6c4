// A seed takes about 60 ms of one core.
import { explore } from '@headrace/simulation';
import { it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { SETTLE_MS as settleMs } from '../exchange/simulated-calls.ts';
import { simulatedService } from './simulated-service.ts';

it('repeated calls over 2,000 networks that fail settle within their time, and nothing is bought twice', async () => {
  await explore({ seeds: 2_000, firstSeed, settleMs, scenario: simulatedService({}) });
});
