import { ChannelError, type Handler } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { eventText } from '../../src/testing/record-events.ts';

it('writes one line for each event and operation, and passes all on', () => {
  const seen = recordEvents({ reads: true });
  const channel = EmbeddedChannel.with({ allowHalfOpen: true }, seen);
  channel.writeInbound('a');
  channel.pipeline.fireUserEventTriggered({ ping: 1 });
  channel.pipeline.fireChannelWritabilityChanged();
  channel.pipeline.fireExceptionCaught(new ChannelError('CHANNEL_RESET', 'gone'));
  expect(() => channel.checkException()).toThrow('gone');
  channel.writeOutbound(Buffer.from('hi'));
  channel.endInput();
  channel.shutdown('output');
  expect(seen.take()).toEqual([
    'handlerAdded',
    'channelRegistered',
    'channelActive',
    'read',
    'channelRead "a"',
    'channelReadComplete',
    'read',
    'userEventTriggered {"ping":1}',
    'channelWritabilityChanged true',
    'exceptionCaught HR_ERR_CHANNEL_RESET',
    'write <6869>',
    'flush',
    'channelShutdown input',
    'shutdown output',
    'channelInactive',
    'channelUnregistered',
    'handlerRemoved',
  ]);
  expect(seen.events).toEqual([]);
  expect(channel.readInbound()).toBe('a');
});

it('several recorders may share a list, each with its name', () => {
  const into: string[] = [];
  const channel = new EmbeddedChannel(
    recordEvents({ name: 'before', into }),
    {
      channelRead: (ctx, text: string) => ctx.fireChannelRead(text.toUpperCase()),
    } satisfies Handler,
    recordEvents({ name: 'after', into }),
  );
  into.length = 0;
  channel.writeInbound('a');
  expect(into).toEqual([
    'before.channelRead "a"',
    'after.channelRead "A"',
    'before.channelReadComplete',
    'after.channelReadComplete',
  ]);
});

it.each([
  ['text', '"text"'],
  [Buffer.from([1, 255]), '<01ff>'],
  [[1, 'a'], '[1,"a"]'],
  [{ a: 1 }, '{"a":1}'],
  [new Map(), 'Map'],
  [new TypeError('no'), 'TypeError: no'],
  [undefined, 'undefined'],
  [null, 'null'],
  [5n, '5'],
])('puts %o as %s', (value, text) => {
  expect(eventText(value)).toBe(text);
});
