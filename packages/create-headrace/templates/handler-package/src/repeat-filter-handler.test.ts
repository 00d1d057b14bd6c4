import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { RepeatFilterHandler } from './repeat-filter-handler.ts';

/** Everything that has passed the last handler. */
function passed(channel: { readInbound(): unknown }): unknown[] {
  const messages: unknown[] = [];
  for (let one = channel.readInbound(); one !== undefined; one = channel.readInbound()) {
    messages.push(one);
  }
  return messages;
}

test('drops repetitions, and counts them', () => {
  const filter = new RepeatFilterHandler<string>({ windowMs: 1000 });
  const channel = new EmbeddedChannel(filter);
  channel.writeInbound('a', 'a', 'b', 'a', 'a', 'a');
  assert.deepEqual(passed(channel), ['a', 'b', 'a']);
  assert.equal(filter.dropped, 3);
});

test('passes a repetition on when the time is over, to the millisecond', () => {
  const channel = new EmbeddedChannel(new RepeatFilterHandler<string>({ windowMs: 1000 }));
  channel.writeInbound('a');
  channel.advance(999); // the channel's clock is a VirtualClock: nothing waits
  channel.writeInbound('a');
  channel.advance(1);
  channel.writeInbound('a');
  assert.deepEqual(passed(channel), ['a', 'a']);
});

test('compares objects by their key', () => {
  const channel = new EmbeddedChannel(
    new RepeatFilterHandler<{ celsius: number }>({
      windowMs: 1000,
      keyOf: ({ celsius }) => Math.round(celsius),
    }),
  );
  channel.writeInbound({ celsius: 21.1 }, { celsius: 21.2 }, { celsius: 22 });
  assert.deepEqual(passed(channel), [{ celsius: 21.1 }, { celsius: 22 }]);
});

test('passes all other events on', () => {
  const seen = recordEvents();
  const channel = new EmbeddedChannel(new RepeatFilterHandler<string>({ windowMs: 1000 }), seen);
  channel.writeInbound('a', 'a');
  channel.close();
  assert.deepEqual(seen.take(), [
    'handlerAdded',
    'channelRegistered',
    'channelActive',
    'channelRead "a"',
    'channelReadComplete',
    'close local',
    'channelInactive',
    'channelUnregistered',
    'handlerRemoved',
  ]);
});

test('refuses options that are not valid', () => {
  const filter = (options: object) => new RepeatFilterHandler(options as { windowMs: number });
  assert.throws(() => filter({ windowMs: 0 }), /windowMs/);
  assert.throws(() => filter({ windowMs: 1000, keyof: String }), /keyOf/);
  assert.throws(() => filter({ windowMs: 1000, keyOf: 'id' }), /keyOf/);
});

test('asks for another message in place of a dropped one, if messages are asked for by hand', () => {
  const channel = EmbeddedChannel.with({ autoRead: false });
  channel.pipeline.addLast(new RepeatFilterHandler<string>({ windowMs: 1000 }));
  channel.read();
  channel.writeInbound('21.5');
  const { reads } = channel.embedded;
  channel.writeInbound('21.5');
  assert.equal(channel.embedded.reads, reads + 1);
});
