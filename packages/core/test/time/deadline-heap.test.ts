import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeadlineHeap, type HeapEntry } from '../../src/time/deadline-heap.ts';

const entryAt = (deadline: number): HeapEntry => ({ deadline, heapIndex: -1, heapOrder: 0 });

describe('DeadlineHeap', () => {
  it('gives the earliest first, and forgets what is taken out', () => {
    const heap = new DeadlineHeap<HeapEntry>();
    const entries = [30, 10, 20, 10].map(entryAt);
    for (const entry of entries) heap.add(entry);
    heap.remove(entries[1]!);
    heap.remove(entries[1]!);
    const order: number[] = [];
    for (let first = heap.first; first !== undefined; first = heap.first) {
      order.push(first.deadline);
      heap.remove(first);
    }
    expect(order).toEqual([10, 20, 30]);
    expect(entries.map(({ heapIndex }) => heapIndex)).toEqual([-1, -1, -1, -1]);
  });

  it('moves the last entry up where it is due before the parent of the removed one', () => {
    const heap = new DeadlineHeap<HeapEntry>();
    const removed = entryAt(101);
    // As a tree: 100 with 101 and 102 below it on the left, 2 to 8 on the right; 5 comes last.
    for (const deadline of [1, 100, 2]) heap.add(entryAt(deadline));
    heap.add(removed);
    for (const deadline of [102, 3, 4, 103, 104, 105, 106, 6, 7, 8, 5]) heap.add(entryAt(deadline));
    heap.remove(removed);
    const order: number[] = [];
    for (let { first } = heap; first !== undefined; first = heap.first) {
      order.push(first.deadline);
      heap.remove(first);
    }
    expect(order).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 100, 102, 103, 104, 105, 106]);
  });

  it('agrees with a sorted list, whatever is added and taken out', () => {
    const step = fc.record({ add: fc.boolean(), at: fc.nat(50), which: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new DeadlineHeap<HeapEntry>();
        const model: HeapEntry[] = [];
        for (const { add, at, which } of steps) {
          if (add || model.length === 0) {
            const entry = entryAt(at);
            heap.add(entry);
            model.push(entry);
          } else heap.remove(model.splice(which % model.length, 1)[0]!);
          expect(heap.size).toBe(model.length);
          const least = Math.min(...model.map(({ deadline }) => deadline));
          // Of those at the same time, the one that was added first.
          expect(heap.first).toBe(model.find(({ deadline }) => deadline === least));
        }
        const places = model.map(({ heapIndex }) => heapIndex).sort((a, b) => a - b);
        expect(places).toEqual(model.map((_, index) => index));
      }),
    );
  });
});
