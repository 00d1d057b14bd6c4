import { expect, it } from 'vitest';
import { bufferPlace, bufferView, placedView } from '../../src/bytes/buffer-view.ts';
import { keepRead, readBuffer } from '../../src/transport/read-memory.ts';

it('a view is a Buffer of that part of the memory', () => {
  const memory = new ArrayBuffer(16);
  const view = bufferView(memory, 2, 3);
  expect(Buffer.isBuffer(view)).toBe(true);
  expect([view.buffer, view.byteOffset, view.length]).toEqual([memory, 2, 3]);
});

it('knows the place of the view that was made last, of those before, and of any other Buffer', () => {
  const memory = new ArrayBuffer(64);
  const views = [
    placedView(memory, 8, 4),
    placedView(memory, 16, 4),
    Buffer.from('somebody else’s'),
  ];
  for (const view of [...views, ...views.toReversed()]) {
    const { memory: found, offset } = bufferPlace(view);
    expect(found).toBe(view.buffer);
    expect(offset).toBe(view.byteOffset);
  }
});

it('what was read stays as it is when the next read comes, however long the reads are', () => {
  const lengths = [1, 16_448, 16_448, 16_448, 16_448, 40_000, 32_768, 100, 65_536];
  const kept = lengths.map((length, i) => {
    readBuffer.fill(i, 0, length);
    return keepRead(length);
  });
  kept.forEach((read, i) => {
    expect(read.length).toBe(lengths[i]);
    expect(read.every((byte) => byte === i)).toBe(true);
    expect(bufferPlace(read).offset).toBe(read.byteOffset);
  });
});
