import { expect, it } from 'vitest';
import { ReadRoom } from '../../src/authoring.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

/** What is lent belongs to the process: other files may have left some of it with handlers that are gone. */
function withNothingLent(channel: EmbeddedChannel): EmbeddedChannel {
  channel.readMemory.takeBack(Buffer.alloc(1));
  return channel;
}

it('is the same for handlers and for the transport, which has none before a handler asks', () => {
  const channel = new EmbeddedChannel();
  const { sink } = channel.embedded;
  expect(sink.readMemory).toBeUndefined();
  expect(channel.readMemory).toBe(sink.readMemory);
});

it('lends memory that serves again to the only handler, and gives room for a message to any', () => {
  const [one, other, third] = [{}, {}, {}];
  const channel = withNothingLent(new EmbeddedChannel(one, other));
  const { readMemory } = channel;
  const receive = (text: string) => readMemory.receive(Buffer.from(text))?.toString();
  readMemory.lendTo(other);
  expect(receive('seen by both')).toBeUndefined();
  channel.pipeline.removeFirst();
  expect(receive('seen by one')).toBe('seen by one');
  channel.pipeline.replace(other, third);
  expect(receive('seen by another one')).toBeUndefined();
  readMemory.lendTo(third);
  expect(receive('again')).toBe('again');
  channel.pipeline.removeFirst();
  expect(receive('without handlers')).toBeUndefined();
  channel.pipeline.addLast({}, {});
  const room = new ReadRoom();
  const memory = Buffer.alloc(8, '.');
  room.offer(memory, 2);
  readMemory.offer(room);
  expect(receive('abc')).toBe('abc');
  expect(memory.toString()).toBe('..abc...');
  room.withdraw();
  expect(receive('seen by both')).toBeUndefined();
  channel.pipeline.removeLast();
  readMemory.lendTo(undefined);
  expect(receive('not lent')).toBeUndefined();
});

it('serves again only what was given back', () => {
  const handler = {};
  const { readMemory } = withNothingLent(new EmbeddedChannel(handler));
  readMemory.lendTo(handler);
  const read = (text: string) => readMemory.receive(Buffer.from(text))!;
  const kept = read('kept');
  const back = read('back');
  readMemory.takeBack(back);
  const next = read('next');
  expect([kept, back, next].map(String)).toEqual(['kept', 'next', 'next']);
  // Something was read after it: all of that memory is given away.
  readMemory.takeBack(kept);
  expect(read('more').buffer).not.toBe(kept.buffer);
  expect([kept, next].map(String)).toEqual(['kept', 'next']);
});
