import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { RepeatLimit } from '../../src/log/repeat-limit.ts';

function limited() {
  const clock = new VirtualClock();
  const reports: [string, number][] = [];
  const report = (line: string, count: number) => void reports.push([line, count]);
  return { clock, reports, limit: new RepeatLimit({ clock, maxLines: 1, periodMs: 2000, report }) };
}

it('has the kinds that their owner names, whatever the texts are', () => {
  const { clock, reports, limit } = limited();
  expect(limit.passes('the event birth', 'unknown')).toBe(true);
  expect(limit.passes('the event death', 'unknown')).toBe(false);
  expect(limit.passes('the event death', 'unanswered')).toBe(true);
  clock.advance(2000);
  expect(reports).toEqual([['1 more line like this in 2 s: the event birth', 1]]);
  expect(limit.passes('the event death', 'unknown')).toBe(true);
});

it('reports nothing after it was closed', () => {
  const { clock, reports, limit } = limited();
  for (let i = 0; i < 3; i++) limit.passes('a line');
  limit.close();
  clock.advance(10_000);
  expect([reports, clock.pendingTimers]).toEqual([[], 0]);
});
