import { expect, it } from 'vitest';
import type { OutboundBytes } from '../../src/contract/outbound-bytes.ts';
import { coalesce } from '../../src/transport/coalesce.ts';
import { GatheringMemory } from '../../src/transport/socket-memory.ts';

const memory = new GatheringMemory();

const text = (bytes: Buffer | undefined) => bytes?.toString('latin1');

it('puts small messages together in order, and uses the memory again unless it is kept', () => {
  const first = memory.gather([Buffer.from('ab'), Buffer.from('c')], 3);
  expect(text(first)).toBe('abc');
  memory.reuse();
  expect(memory.gather([Buffer.from('xyz')], 3)).toBe(first);
  memory.keep(first!);
  expect(text(memory.gather([Buffer.from('123')], 3))).toBe('123');
  memory.reuse();
  expect(text(first)).toBe('xyz');
});

it('leaves large messages to others', () => {
  expect(
    memory.gather([Buffer.from('a'), Buffer.alloc(8 * 1024 + 1)], 8 * 1024 + 2),
  ).toBeUndefined();
});

it('a message that has become shorter since it was written sends nothing of another connection', () => {
  memory.gather([Buffer.from('a secret of somebody else')], 25);
  memory.reuse();
  let byteLength = 25;
  const fickle: OutboundBytes = {
    get byteLength() {
      return byteLength;
    },
    writeTo: (target, offset) => void target.fill(0x2e, offset, offset + byteLength),
  };
  byteLength = 5;
  expect(memory.gather([fickle], 25)).toBeUndefined();
  expect(coalesce([fickle]).map(text)).toEqual(['.....']);
});

it('takes a large message of several parts as they are, where a list is written in one call', () => {
  const body = Buffer.alloc(8 * 1024, 'b');
  const framed: OutboundBytes = {
    byteLength: 2 + body.length,
    writeTo(target, offset) {
      target.set(Buffer.from('h:'), offset);
      target.set(body, offset + 2);
    },
    appendTo: (buffers) => void buffers.push(Buffer.from('h:'), body),
  };
  const [first, head, same, last] = coalesce([Buffer.from('a'), framed, Buffer.from('z')]);
  expect([first, head, last].map(text)).toEqual(['a', 'h:', 'z']);
  expect(same).toBe(body);
  const [joined, ...others] = coalesce([framed], framed.byteLength, false);
  expect(text(joined)).toBe(`h:${text(body)}`);
  expect(others).toEqual([]);
});

it('memory in use is not written over: who gathers meanwhile gets none', () => {
  const first = memory.gather([Buffer.from('abc')], 3);
  expect(memory.gather([Buffer.from('xyz')], 3)).toBeUndefined();
  expect(text(first)).toBe('abc');
  memory.keep(first!);
  expect(text(memory.gather([Buffer.from('xyz')], 3))).toBe('xyz');
  memory.reuse();
  expect(text(first)).toBe('abc');
});
