import type { Handler } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { expect, it } from 'vitest';

const off = (...handlers: Handler[]): EmbeddedChannel =>
  EmbeddedChannel.with({ autoRead: false }, ...handlers);

it('with auto-read off, nothing is asked of the transport before read()', () => {
  const channel = off();
  expect(channel.embedded.reads).toBe(0);
  channel.read();
  expect(channel.embedded.reads).toBe(1);
  channel.writeInbound('m');
  expect(channel.embedded.reads).toBe(1);
});

it('with auto-read on, reading goes on by itself', () => {
  const channel = new EmbeddedChannel();
  expect(channel.embedded.reads).toBe(1);
  channel.writeInbound('m');
  channel.writeInbound('m');
  expect(channel.embedded.reads).toBe(3);
});

it('turned off inside channelRead, nothing more is asked for after the burst', () => {
  const channel = new EmbeddedChannel({
    channelRead(ctx, message) {
      ctx.channel.autoRead = false;
      ctx.fireChannelRead(message);
    },
  } satisfies Handler);
  channel.writeInbound('1', '2');
  expect([channel.readInbound(), channel.readInbound()]).toEqual(['1', '2']);
  expect(channel.embedded.reads).toBe(1);
  expect(channel.embedded.isReading).toBe(false);
});

it('turning it on reads; setting what is set does nothing; turning it off takes the demand back', () => {
  const seen = recordEvents({ reads: true });
  const channel = off(seen);
  seen.take();
  channel.autoRead = false;
  expect(seen.take()).toEqual([]);
  channel.autoRead = true;
  expect(seen.take()).toEqual(['read']);
  channel.autoRead = true;
  expect(seen.take()).toEqual([]);
  expect(channel.embedded.isReading).toBe(true);
  channel.autoRead = false;
  expect(seen.take()).toEqual([]);
  expect(channel.embedded.isReading).toBe(false);
});

it('a read() inside channelRead is not lost, and is good for one more burst', () => {
  const channel = off({
    channelRead(ctx, message: string) {
      if (message === 'more') ctx.read();
      ctx.fireChannelRead(message);
    },
  } satisfies Handler);
  channel.read();
  channel.writeInbound('more');
  expect(channel.embedded.reads).toBe(2);
  channel.writeInbound('last');
  expect(channel.embedded.reads).toBe(2);
});

it('an error in channelRead is reported once for its message, and reading goes on', () => {
  const reported: string[] = [];
  const channel = new EmbeddedChannel({
    channelRead(_ctx, message: string) {
      throw new Error(message);
    },
    exceptionCaught: (_ctx, error) => void reported.push(error.message),
  } satisfies Handler);
  channel.writeInbound('1', '2');
  expect(reported).toEqual(['1', '2']);
  expect(channel.embedded.reads).toBe(2);
});

it('a read() before the channel is active is remembered, and done once then', () => {
  const channel = EmbeddedChannel.with({ register: false, autoRead: false });
  channel.embedded.isActive = false;
  channel.register();
  channel.read();
  expect(channel.embedded.reads).toBe(0);
  channel.embedded.isActive = true;
  channel.run(() => channel.embedded.sink.connected());
  expect(channel.embedded.reads).toBe(1);
});

it('a read() taken back before the channel is active is not done', () => {
  const channel = EmbeddedChannel.with({ register: false });
  channel.embedded.isActive = false;
  channel.register();
  channel.read();
  channel.autoRead = false;
  channel.embedded.isActive = true;
  channel.run(() => channel.embedded.sink.connected());
  expect(channel.embedded.reads).toBe(0);
});

it('reads nothing of a closed channel', () => {
  const channel = off();
  channel.close();
  channel.read();
  channel.autoRead = true;
  expect(channel.embedded.reads).toBe(0);
});
