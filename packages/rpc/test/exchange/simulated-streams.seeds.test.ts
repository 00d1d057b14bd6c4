// A seed takes about 15 ms of one core.
import { explore } from '@headrace/simulation';
import { it } from 'vitest';
import { FIRST_SEED as firstSeed } from '../../../core/test/fixture/first-seed.ts';
import { binaryExchange } from '../../src/index.ts';
import { SETTLE_MS as settleMs } from './simulated-calls.ts';
import { simulatedStreams } from './simulated-streams.ts';

it('streams over 10,000 networks that fail have each item once and in order', async () => {
  const right = { format: binaryExchange(), resumesAfter: (last: number) => last + 1 };
  await explore({ seeds: 10_000, firstSeed, settleMs, scenario: simulatedStreams(right) });
});
