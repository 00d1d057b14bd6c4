import { expect, it } from 'vitest';
import type { OutboundBytes } from '../../../src/contract.ts';
import { coalesce } from '../../../src/transport/coalesce.ts';
import { FakeBinding } from '../../fixture/fake-binding.ts';

const binding = new FakeBinding();

const text = (bytes: Buffer | undefined) => bytes?.toString('latin1');

it('puts small messages together in order, and uses the memory again unless it is kept', () => {
  const first = binding.gather([Buffer.from('ab'), Buffer.from('c')], 3);
  expect(text(first)).toBe('abc');
  binding.reuseGathered();
  expect(binding.gather([Buffer.from('xyz')], 3)).toBe(first);
  binding.keepGathered(first!);
  expect(text(binding.gather([Buffer.from('123')], 3))).toBe('123');
  binding.reuseGathered();
  expect(text(first)).toBe('xyz');
});

it('leaves large messages to others', () => {
  expect(
    binding.gather([Buffer.from('a'), Buffer.alloc(8 * 1024 + 1)], 8 * 1024 + 2),
  ).toBeUndefined();
});

it('a message that has become shorter since it was written sends nothing of another connection', () => {
  binding.gather([Buffer.from('a secret of somebody else')], 25);
  binding.reuseGathered();
  let byteLength = 25;
  const fickle: OutboundBytes = {
    get byteLength() {
      return byteLength;
    },
    writeTo: (target, offset) => void target.fill(0x2e, offset, offset + byteLength),
  };
  byteLength = 5;
  expect(binding.gather([fickle], 25)).toBeUndefined();
  expect(coalesce([fickle]).map(text)).toEqual(['.....']);
});

it('memory in use is not written over: who gathers meanwhile gets none', () => {
  const first = binding.gather([Buffer.from('abc')], 3);
  expect(binding.gather([Buffer.from('xyz')], 3)).toBeUndefined();
  expect(text(first)).toBe('abc');
  binding.keepGathered(first!);
  expect(text(binding.gather([Buffer.from('xyz')], 3))).toBe('xyz');
  binding.reuseGathered();
  expect(text(first)).toBe('abc');
});
