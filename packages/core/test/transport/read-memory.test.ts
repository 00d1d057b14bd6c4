import { expect, it } from 'vitest';
import {
  extendRead,
  keepRead,
  ReadMemory,
  ReadRoom,
  readBuffer,
} from '../../src/transport/read-memory.ts';

const SLAB_BYTES = 68 * 1024;

function read(text: string, memory?: ReadMemory): Buffer {
  readBuffer.write(text, 'latin1');
  return keepRead(text.length, memory);
}

/** A read at the beginning of a slab. */
function firstRead(length: number): Buffer {
  for (;;) {
    const made = read('s'.repeat(length));
    if (made.byteOffset === 0) return made;
  }
}

const endOf = (bytes: Buffer): number => bytes.byteOffset + bytes.length;

it('gives the bytes after the last read only to its reader, once', () => {
  const first = firstRead(1001);
  expect(extendRead(first.buffer, endOf(first), 10_000)).toBe(true);
  expect(extendRead(first.buffer, endOf(first), 10_000)).toBe(false);
  const next = read('next');
  expect(next.buffer).toBe(first.buffer);
  expect(next.byteOffset).toBeGreaterThanOrEqual(11_001);
});

it('gives nothing after bytes that others follow, and no more than the slab has', () => {
  const first = firstRead(1002);
  expect(extendRead(first.buffer, endOf(first) - 1, 10)).toBe(false);
  expect(extendRead(new ArrayBuffer(2000), endOf(first), 10)).toBe(false);
  expect(extendRead(first.buffer, endOf(first), SLAB_BYTES - endOf(first) + 1)).toBe(false);
  const second = read('second');
  expect(extendRead(first.buffer, endOf(first), 10)).toBe(false);
  expect(extendRead(second.buffer, endOf(second), SLAB_BYTES - endOf(second))).toBe(true);
  expect(read('third').buffer).not.toBe(first.buffer);
});

it('receives reads into a room one after the other, as far as it goes', () => {
  const memory = Buffer.alloc(10, '.');
  const room = new ReadRoom();
  const own = new ReadMemory({ only: undefined });
  own.offer(room);
  expect(read('abc', own).buffer).not.toBe(memory.buffer);
  room.offer(memory, 1);
  const [first, second] = [read('abcd', own), read('efgh', own)];
  expect(memory.toString()).toBe('.abcdefgh.');
  expect([first, second].map(String)).toEqual(['abcd', 'efgh']);
  expect(read('yz', own).buffer).not.toBe(memory.buffer);
  expect([room.hasAt(1, first), room.hasAt(5, second)]).toEqual([true, true]);
  expect([
    room.hasAt(5, first),
    room.hasAt(9, Buffer.from('z')),
    room.hasAt(5, Buffer.alloc(10, 'efgh').subarray(5, 9)),
  ]).toEqual([false, false, false]);
  room.withdraw();
  expect(read('z', own).buffer).not.toBe(memory.buffer);
  expect(room.hasAt(1, first)).toBe(false);
  expect(memory.toString()).toBe('.abcdefgh.');
});
