import { isHeadraceError } from '@headrace/core';
import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { onlyUnsent, SETTLE_MS as settleMs, simulatedCalls } from './simulated-calls.ts';

describe('calls over a network that fails', () => {
  it('settle once, and asking again what was not sent executes nothing twice', async () => {
    await explore({ seeds: 10, settleMs, scenario: simulatedCalls(onlyUnsent) });
  });

  it('asking again what may have been sent executes something twice: found within 200 seeds', async () => {
    const anyLost = (error: unknown) => isHeadraceError(error, 'REQUEST_LOST');
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario: simulatedCalls(anyLost) });
    await expect(exploring).rejects.toThrow(/executed \d+ twice/);
  });
});
