import { describe, expect, it } from 'vitest';
import { continuesGroup, dayLabel, isSameDay } from '../../src/page/timeline.js';

const at = (time: string): Date => new Date(`2026-03-03T${time}`);
const from = (sender: string, time: string, isOwn = false) => ({ sender, isOwn, at: at(time) });

describe('continuesGroup', () => {
  it('goes on for the same sender within five minutes', () => {
    expect(continuesGroup(from('ada', '12:00:00'), from('ada', '12:04:59'))).toBe(true);
  });

  it.each([
    ['nothing before it', null, from('ada', '12:00:00')],
    ['another sender', from('bob', '12:00:00'), from('ada', '12:00:01')],
    ['five minutes of silence', from('ada', '12:00:00'), from('ada', '12:05:00')],
    ['oneself under the same name', from('ada', '12:00:00'), from('ada', '12:00:01', true)],
  ])('starts again after %s', (_why, previous, next) => {
    expect(continuesGroup(previous, next)).toBe(false);
  });

  it('starts a new group at midnight', () => {
    const before = { sender: 'ada', isOwn: false, at: new Date(2026, 2, 3, 23, 59, 59) };
    const after = { sender: 'ada', isOwn: false, at: new Date(2026, 2, 4, 0, 0, 1) };
    expect(continuesGroup(before, after)).toBe(false);
  });
});

describe('days', () => {
  it('differ by date, month and year', () => {
    expect(isSameDay(new Date(2026, 2, 3, 0), new Date(2026, 2, 3, 23))).toBe(true);
    expect(isSameDay(new Date(2026, 2, 3), new Date(2026, 3, 3))).toBe(false);
    expect(isSameDay(new Date(2026, 2, 3), new Date(2025, 2, 3))).toBe(false);
  });

  it('have names near today', () => {
    const now = new Date(2026, 2, 1, 0, 30);
    expect(dayLabel(new Date(2026, 2, 1, 0, 1), now)).toBe('Today');
    expect(dayLabel(new Date(2026, 1, 28, 23, 59), now)).toBe('Yesterday');
    expect(dayLabel(new Date(2026, 1, 27), now)).toMatch(/27/);
  });
});
