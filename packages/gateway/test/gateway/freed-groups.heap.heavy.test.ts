// 100,000 rooms of a stranger, through a worker: what docs/limits.md says about groups that have no members.
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { world } from './remote-world.ts';

const ROOMS = 100_000;
const BATCH = 500;
/** Rooms that are freed and remembered, for nodes that missed it: 1001 at most, and their names. */
const KEPT_BYTES = 500_000;
const MAX_LOOKS = 25;

const collect = (globalThis as { gc?: () => void }).gc!;

/** What is alive now: in the heap, and in Buffers. */
function bytesAlive(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The least that is alive of many looks: what a finalizer releases is garbage only after its turn. */
async function leastAlive(enough: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < MAX_LOOKS && least > enough; look += 1) {
    least = Math.min(least, bytesAlive());
    await turn();
  }
  return least;
}

it('100,000 rooms that were joined and left hold less than 500 KB', async () => {
  const { nodes, ids, fronts, of } = await world();
  const connection = ids[0]!;
  const visit = async (rooms: number, name: string): Promise<void> => {
    for (let from = 0; from < rooms; from += BATCH) {
      const names = Array.from({ length: BATCH }, (_, i) => `${name} ${from + i}`);
      for (const room of names) void of.join({ connection }, room);
      // The other nodes hear of all but the last.
      await nodes.pass(200);
      for (const room of names) void of.leave({ connection }, room);
    }
    await nodes.pass(3000);
  };
  await visit(BATCH, 'first');
  const before = await leastAlive(0);
  await visit(ROOMS, 'room');
  const held = (await leastAlive(before)) - before;
  expect(fronts.map(({ groupCount }) => groupCount)).toEqual([0, 0]);
  expect(held).toBeLessThan(KEPT_BYTES);
}, 120_000);
