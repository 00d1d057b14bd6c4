import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../src/queue/fifo.ts';

describe('Fifo', () => {
  it('gives back what an array would, whatever the order of pushes and shifts', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3000, max: 3000 }), { maxLength: 20 }), (steps) => {
        const fifo = new Fifo<number>();
        const model: number[] = [];
        let next = 0;
        for (const step of steps) {
          for (let i = 0; i < step; i++) {
            fifo.push(next);
            model.push(next);
            next += 1;
          }
          const shifts = Math.max(0, -step);
          const shifted = Array.from({ length: shifts }, () => fifo.shift());
          const expected = Array.from({ length: shifts }, () => model.shift());
          expect(shifted).toEqual(expected);
          expect(fifo.size).toBe(model.length);
          expect(fifo.isEmpty).toBe(model.length === 0);
          expect(fifo.peek()).toBe(model[0]);
        }
      }),
      { numRuns: 50 },
    );
  });
});
