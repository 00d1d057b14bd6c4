import { describe, expect, it } from 'vitest';
import { History } from '../src/history.ts';

describe('History', () => {
  it('keeps the last fifty messages, and counts them all', () => {
    const history = new History();
    for (let i = 0; i < 120; i++) history.add({ id: 'ann', text: `number ${i}`, at: i });
    expect(history.latest()).toMatchObject({
      total: 120,
      epoch: expect.stringMatching(/^[0-9a-f]{8}$/),
    });
    expect(history.latest().messages).toHaveLength(50);
    expect(history.latest().messages[0]).toEqual({ id: 'ann', text: 'number 70', at: 70 });
  });

  it('keeps at most 64 KiB, in bytes of UTF-8', () => {
    const history = new History();
    for (let i = 0; i < 10; i++) history.add({ id: 'ann', text: 'ü'.repeat(10_000), at: i });
    expect(history.latest().messages).toHaveLength(3);
    history.add({ id: 'ann', text: 'x'.repeat(65_535), at: 10 });
    expect(history.latest().messages).toHaveLength(0);
    history.add({ id: 'ann', text: 'short', at: 11 });
    expect(history.latest().messages).toHaveLength(1);
    expect(history.latest().total).toBe(12);
  });
});
