import type { ByteSource } from '@headrace/core';
import { expect, it } from 'vitest';
import { MemoryPipe } from '../../src/transport/memory-pipe.ts';

it('takes nothing of messages of which one cannot write itself', () => {
  const pipe = new MemoryPipe(4);
  const broken: ByteSource = {
    byteLength: 4,
    writeTo() {
      throw new Error('no');
    },
  };
  expect(() => pipe.add([Buffer.from('abc'), broken])).toThrow('no');
  expect(pipe.add([Buffer.from('good')])).toBe(true);
  expect(String(pipe.take())).toBe('good');
  expect(pipe.add([Buffer.from('again')])).toBe(false);
  expect(String(pipe.take())).toBe('agai');
  expect(pipe.refill()).toBe(true);
});
