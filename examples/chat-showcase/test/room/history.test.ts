import { describe, expect, it } from 'vitest';
import { History } from '../../src/room/history.ts';

describe('History', () => {
  it('keeps the last fifty messages, and counts them all', () => {
    const history = new History();
    for (let i = 0; i < 120; i++) history.add({ id: 'ann', text: `number ${i}`, at: i });
    expect(history.total).toBe(120);
    expect(history.recent()).toHaveLength(50);
    expect(history.recent()[0]).toEqual({ id: 'ann', text: 'number 70', at: 70 });
  });

  it('keeps at most 64 KiB, in bytes of UTF-8', () => {
    const history = new History();
    for (let i = 0; i < 10; i++) history.add({ id: 'ann', text: 'ü'.repeat(10_000), at: i });
    expect(history.recent()).toHaveLength(3);
    history.add({ id: 'ann', text: 'x'.repeat(65_535), at: 10 });
    expect(history.recent()).toHaveLength(0);
    history.add({ id: 'ann', text: 'short', at: 11 });
    expect(history.recent()).toHaveLength(1);
    expect(history.total).toBe(12);
  });
});
