import { SeededRandom } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { ByteBlocks } from '../../src/bytes/byte-blocks.ts';

/** The pieces of memory of what waits, and their bytes. */
function memoryOf(blocks: ByteBlocks): { readonly pieces: number; readonly bytes: number } {
  const memory = new Set<ArrayBufferLike>();
  const { blocks: list, open } = blocks as unknown as {
    readonly blocks: { readonly size: number; at(index: number): Uint8Array };
    readonly open: Uint8Array | undefined;
  };
  for (let i = 0; i < list.size; i++) memory.add(list.at(i).buffer);
  if (open !== undefined) memory.add(open.buffer);
  const bytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { pieces: memory.size, bytes };
}

it('keeps small parts in hardly more memory than their bytes', () => {
  const blocks = new ByteBlocks();
  const read = Buffer.alloc(68 * 1024, 'x');
  for (let i = 0; i < 100_000; i++) blocks.push(read.subarray(i % 1000, (i % 1000) + 1));
  expect(blocks.size).toBe(100_000);
  const { pieces, bytes } = memoryOf(blocks);
  expect([pieces < 30, bytes < 120_000]).toEqual([true, true]);
});

it('keeps parts of any sizes in at most twice the memory of their bytes', () => {
  const read = Buffer.alloc(68 * 1024, 'x');
  const sizes = [1, 2, 100, 4095, 4096, 4097, 8192, 16_383, 16_384, 16_385, 20_000, 40_000];
  for (const small of sizes) {
    for (const large of sizes) {
      const blocks = new ByteBlocks();
      for (let i = 0; blocks.size < 300_000; i++) {
        blocks.push(read.subarray(0, i % 2 === 0 ? small : large));
      }
      const { pieces, bytes } = memoryOf(blocks);
      const needed = [bytes <= 2 * blocks.size, pieces <= 16 + (2 * blocks.size) / 4096];
      expect([small, large, ...needed]).toEqual([small, large, true, true]);
    }
  }
});

it('keeps small parts in little memory while others are taken', () => {
  const blocks = new ByteBlocks();
  const target = Buffer.alloc(1);
  blocks.push(Buffer.alloc(64 * 1024));
  for (let i = 0; i < 1000; i++) {
    blocks.push(Buffer.of(i));
    blocks.moveTo(target, 0, 1);
  }
  expect(memoryOf(blocks).bytes).toBeLessThan(2 * blocks.size);
});

it('gives a large part that nothing follows without a copy', () => {
  const blocks = new ByteBlocks();
  const part = Buffer.alloc(10_000, 'x');
  blocks.push(part);
  expect(blocks.takeAll()).toBe(part);
  blocks.push(new Uint8Array(part.buffer));
  expect(blocks.takeAll()).toEqual(part);
  expect(blocks.takeAll()).toHaveLength(0);
});

it('keeps no read alive by a small part of it', () => {
  const blocks = new ByteBlocks();
  for (let i = 0; i < 10; i++) blocks.push(Buffer.alloc(68 * 1024).subarray(0, 5000));
  expect(memoryOf(blocks).bytes).toBeLessThan(100_000);
});

it('gives all bytes in their order, however they come and go', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = new SeededRandom(seed, 'blocks');
    const blocks = new ByteBlocks();
    let came = 0;
    let went = 0;
    for (let i = 0; i < 200; i++) {
      if (random.next() < 0.5) {
        const count = random.pick([0, 1, 7, 4095, 4096, 9000]);
        blocks.push(Buffer.from(Array.from({ length: count }, (_, at) => (came + at) % 251)));
        came += count;
      } else {
        const count = random.integer(0, blocks.size);
        const target = Buffer.alloc(count + 1);
        blocks.moveTo(target, 1, count);
        for (let at = 0; at < count; at++)
          if (target[at + 1] !== (went + at) % 251) throw new Error(`seed ${seed}`);
        went += count;
      }
      expect(blocks.size).toBe(came - went);
    }
    expect(blocks.takeAll().length).toBe(came - went);
    expect(blocks.size).toBe(0);
  }
});
