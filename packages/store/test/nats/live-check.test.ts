import { Buffer } from 'node:buffer';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { LiveCheck } from '../../src/nats/live-check.ts';

interface Copy {
  readonly position: { readonly epoch: string; readonly offset: number };
  readonly previous: number;
  readonly id: string;
  readonly bytes: Buffer;
  readonly isMark: boolean;
}

/** A follower of a group that has messages with these sequences. The stream has those of other groups between them. */
function worldOf(stored: readonly number[]) {
  const clock = new VirtualClock();
  const got: [number, number][] = [];
  const asked: number[] = [];
  const check = new LiveCheck<Copy>({
    clock,
    next: async (from) => {
      asked.push(from);
      return stored.find((sequence) => sequence >= from);
    },
    isMark: ({ isMark }) => isMark,
    deliver: ({ position, previous }) => got.push([position.offset, previous]),
  });
  const take = (offset: number, isMark = false) => {
    const position = { epoch: 'e', offset };
    check.take({ position, previous: offset - 1, id: '', bytes: Buffer.alloc(0), isMark });
  };
  return { clock, check, take, got, asked };
}

describe('LiveCheck', () => {
  it('a copy with the next sequence follows the one before it, and a mark is none of a change', async () => {
    const { clock, take, got, asked } = worldOf([]);
    take(1, true);
    for (const offset of [2, 3]) take(offset);
    take(4, true);
    take(5);
    await passTime(clock, 1);
    expect(got).toEqual([
      [2, 0],
      [3, 2],
      [5, 3],
    ]);
    expect(asked).toEqual([]);
  });

  it('asks once whether the group has a message between two copies, and says what it knows', async () => {
    const { clock, take, got, asked } = worldOf([3, 9, 20, 40]);
    take(3);
    // What the server has of 9 to 19 was replaced.
    for (const offset of [9, 14, 20]) take(offset);
    await passTime(clock, 1);
    expect(got).toEqual([
      [3, 2],
      [9, 3],
      [14, 9],
      [20, 14],
    ]);
    expect(asked).toEqual([4, 10]);
  });

  it('a copy that was lost is a gap, which the follower reads', async () => {
    const { clock, take, got } = worldOf([3, 7, 9, 12]);
    take(3);
    take(9);
    await passTime(clock, 49);
    expect(got.length).toBe(1);
    await passTime(clock, 2);
    take(12);
    await passTime(clock, 1);
    expect(got).toEqual([
      [3, 2],
      [9, 8],
      [12, 9],
    ]);
  });

  it('copies in another order are put in order, and one that is too late is passed on', async () => {
    const { clock, take, got } = worldOf([3, 7, 9]);
    take(3);
    take(9);
    await passTime(clock, 10);
    take(7);
    await passTime(clock, 60);
    take(5);
    expect(got).toEqual([
      [3, 2],
      [7, 3],
      [9, 7],
      [5, 4],
    ]);
  });

  it('without an answer of a server that has the copy, it is a gap', async () => {
    const { clock, take, got } = worldOf([3]);
    take(3);
    take(9);
    await passTime(clock, 1);
    expect(got.at(-1)).toEqual([9, 8]);
  });

  it('delivers nothing after it was closed, and keeps no more than 64 copies', async () => {
    const { clock, check, take, got } = worldOf([3, 4]);
    take(3);
    for (let offset = 10; offset < 140; offset += 2) take(offset);
    expect(got.length).toBe(66);
    take(400);
    check.close();
    await passTime(clock, 100);
    expect(got.length).toBe(66);
  });
});
