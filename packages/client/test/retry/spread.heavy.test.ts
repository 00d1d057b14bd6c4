import { spread } from '@headrace/client';
import { expect, it } from 'vitest';
import { chance, seeded, shareOfWindow, simulateReturn } from './outage.ts';

it('100,000 clients come back from 300 outages, the busiest second at most 1 + p times the mean', () => {
  const next = seeded(13);
  let worst = 0;
  for (let outageMs = 0; outageMs < 300 * 430; outageMs += 430) {
    const { busiest } = simulateReturn(spread(), 100_000, outageMs, next);
    expect(busiest).toBeLessThan(1 + shareOfWindow(outageMs) + chance(100_000));
    worst = Math.max(worst, busiest);
  }
  expect(worst).toBeLessThan(2);
});
