import { explore } from '@headrace/simulation';
import { it } from 'vitest';
import { SETTLE_MS as settleMs, simulatedSubstreams } from './simulated-substreams.ts';

it('substreams over a network that fails are whole and in order, and over with their connections', async () => {
  await explore({ seeds: 6, settleMs, scenario: simulatedSubstreams() });
});
