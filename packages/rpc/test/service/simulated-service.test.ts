import { ChannelError, isHeadraceError } from '@headrace/core';
import { explore } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { exploreMistake } from '../../../simulation/test/fixture/explore-mistake.ts';
import { SETTLE_MS as settleMs } from '../exchange/simulated-calls.ts';
import { type ServiceVariant, simulatedService } from './simulated-service.ts';

describe('repeated calls over networks that fail', () => {
  it('settle within their time, and what is not idempotent is carried out once at most', async () => {
    await explore({ seeds: 10, settleMs, scenario: simulatedService({}) });
  });

  it.each<[string, ServiceVariant, RegExp]>([
    ['declares idempotent what is not', { buysAgain: true }, /bought \d+ twice/],
    [
      'takes what was lost for unsent',
      {
        errorOf: (error) =>
          isHeadraceError(error, 'REQUEST_LOST')
            ? new ChannelError('REQUEST_LOST', 'lost', { sent: false })
            : error,
      },
      /was not sent, and carried out/,
    ],
    [
      'gives each attempt the whole time',
      { optionsOf: (options) => ({ ...options, timeoutMs: 2000 }) },
      /took \d+(\.\d+)? ms/,
    ],
  ])('an end that %s is found within 200 seeds', async (_name, variant, text) => {
    const exploring = exploreMistake({ seeds: 200, settleMs, scenario: simulatedService(variant) });
    await expect(exploring).rejects.toThrow(text);
  });
});
