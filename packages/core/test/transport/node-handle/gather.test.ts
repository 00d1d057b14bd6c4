import { expect, it } from 'vitest';
import type { OutboundBytes } from '../../../src/contract.ts';
import { coalesce } from '../../../src/transport/coalesce.ts';
import { gather, keepGathered, reuseGathered } from '../../../src/transport/node-handle/gather.ts';

const text = (bytes: Buffer | undefined) => bytes?.toString('latin1');

it('puts small messages together in order, and uses the memory again unless it is kept', () => {
  const first = gather([Buffer.from('ab'), Buffer.from('c')], 3);
  expect(text(first)).toBe('abc');
  reuseGathered();
  expect(gather([Buffer.from('xyz')], 3)).toBe(first);
  keepGathered(first!);
  expect(text(gather([Buffer.from('123')], 3))).toBe('123');
  reuseGathered();
  expect(text(first)).toBe('xyz');
});

it('leaves large messages to others', () => {
  expect(gather([Buffer.from('a'), Buffer.alloc(8 * 1024 + 1)], 8 * 1024 + 2)).toBeUndefined();
});

it('a message that has become shorter since it was written sends nothing of another connection', () => {
  gather([Buffer.from('a secret of somebody else')], 25);
  reuseGathered();
  let byteLength = 25;
  const fickle: OutboundBytes = {
    get byteLength() {
      return byteLength;
    },
    writeTo: (target, offset) => void target.fill(0x2e, offset, offset + byteLength),
  };
  byteLength = 5;
  expect(gather([fickle], 25)).toBeUndefined();
  expect(coalesce([fickle]).map(text)).toEqual(['.....']);
});

it('memory in use is not written over: who gathers meanwhile gets none', () => {
  const first = gather([Buffer.from('abc')], 3);
  expect(gather([Buffer.from('xyz')], 3)).toBeUndefined();
  expect(text(first)).toBe('abc');
  keepGathered(first!);
  expect(text(gather([Buffer.from('xyz')], 3))).toBe('xyz');
  reuseGathered();
  expect(text(first)).toBe('abc');
});
